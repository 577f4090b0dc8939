// An effect of two parts fails in the second: the next attempt does not repeat the first.
import { onlyonce } from 'onlyonce'
import { memoryStore } from 'onlyonce/memory'

const once = onlyonce({ store: memoryStore(), scope: 'orders' })
let mailServerIsDown = true

const fulfil = () =>
  once('order:1100', async (op) => {
    const charge = await op.step('charge', () => {
      console.log('charging')
      // The key to send downstream: the same on every attempt.
      return { id: 'ch_1', key: op.child('charge') }
    })
    await op.step('mail', () => {
      if (mailServerIsDown) throw new Error('mail server is down')
      console.log('mailing')
    })
    return charge.id
  })

await fulfil().catch((error: Error) => console.log(error.message))
mailServerIsDown = false
console.log(await fulfil())

// prints: charging
// prints: mail server is down
// prints: mailing
// prints: ch_1
