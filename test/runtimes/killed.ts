// A payment in a process of its own: `killed.ts FILE [crash]`. With `crash` it dies in the middle of its effect.
import { onlyonce } from '../../src/index.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'

const [path = '', crash] = process.argv.slice(2)
const store = sqliteStore({ path })
const once = onlyonce({ store, scope: 'payments', leaseMs: 1_000, onInFlight: 'wait' })

const attempt = await once('order:1100', (op) => {
  if (crash !== undefined) process.kill(process.pid, 'SIGKILL')
  return op.attempt
})
console.log(JSON.stringify(attempt))
await once.close()
await store[Symbol.asyncDispose]()
