// The same operation asked for three times: the effect runs once, and every caller gets its result.
import { OnlyonceError, onlyonce } from 'onlyonce'
import { memoryStore } from 'onlyonce/memory'

const once = onlyonce({ store: memoryStore(), scope: 'payments' })

async function pay(order: string, amount: number) {
  return once({ key: `order:${order}`, payload: { amount } }, async () => {
    console.log(`charging ${amount}`)
    return { receipt: 'r_1', at: new Date(0) }
  })
}

const first = await pay('1100', 4200)
const second = await pay('1100', 4200)
console.log(first.receipt === second.receipt, second.at instanceof Date, first === second)

// The key is bound to its payload: the same order with another amount is a mistake, not a duplicate.
await pay('1100', 9900).catch((error) => {
  if (OnlyonceError.is(error)) console.log(error.code)
})

// prints: charging 4200
// prints: true true false
// prints: KEY_REUSED
