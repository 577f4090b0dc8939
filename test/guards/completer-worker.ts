import { onlyonce } from '../../src/core/engine.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'
import { openGateway, type Place, pay } from './completer-gateway.ts'

const [directory = '', keys = '', place = ''] = process.argv.slice(2)
const recognisesKeys = keys === 'keys'
const store = sqliteStore({ path: `${directory}/records.db`, durability: 'normal' })
const once = onlyonce({ store, scope: 'payments', leaseMs: 500 })
const dieAt = (here: Place) => {
  if (here === place) process.kill(process.pid, 'SIGKILL')
}
await once({ key: 'order:1100', payload: { pence: 4200 } }, (op) =>
  pay(op, openGateway(directory, recognisesKeys), recognisesKeys, dieAt),
)
await store[Symbol.asyncDispose]()
