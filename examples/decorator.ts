// A function that runs once for each key. `@Idempotent` does the same to a method; see docs/how-to/decorator.md.
import { onlyonce } from 'onlyonce'
import { idempotent } from 'onlyonce/decorator'
import { memoryStore } from 'onlyonce/memory'

const once = onlyonce({ store: memoryStore(), scope: 'shop' })

async function welcome(customer: string, text: string) {
  console.log(`mailing ${customer}: ${text}`)
  return { to: customer }
}

const welcomeOnce = idempotent(welcome, { once, scope: 'welcome', key: (customer) => `customer:${customer}` })

console.log(await welcomeOnce('ann', 'hello'))
console.log(await welcomeOnce('ann', 'hello again'))
await once.close()

// prints: mailing ann: hello
// prints: { to: 'ann' }
// prints: { to: 'ann' }
