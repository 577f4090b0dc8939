// A payment in two parts. Its process is killed between reserve and capture; another process ends it, without a client.
import { spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Operation, onlyonce } from 'onlyonce'
import { completer } from 'onlyonce/completer'
import { sqliteStore } from 'onlyonce/sqlite'

// A directory of its own, so that it starts anew each time. The process that is killed runs in the same one.
if (process.argv[2] !== 'dies') process.chdir(mkdtempSync(join(tmpdir(), 'onlyonce-payment-')))

// The gateway is the world outside: it moves money once for each idempotency key.
const gateway = {
  moves: () => (existsSync('gateway.txt') ? readFileSync('gateway.txt', 'utf8').trim().split('\n') : []),
  async move(what: string, idempotencyKey: string) {
    const line = `${what} ${idempotencyKey}`
    if (!gateway.moves().includes(line)) appendFileSync('gateway.txt', `${line}\n`)
    return { what }
  },
}

// The business input, found again by the key alone.
const orders = new Map([['order:1100', { pence: 4200 }]])

const pay = async (op: Operation) => {
  const order = orders.get(op.key)
  await op.step('reserve', () => gateway.move(`reserve ${order?.pence}`, op.child('reserve')))
  if (process.argv[2] === 'dies') process.kill(process.pid, 'SIGKILL')
  await op.step('capture', () => gateway.move(`capture ${order?.pence}`, op.child('capture')))
  return 'paid'
}

const store = sqliteStore({ path: 'payments.db' })
const once = onlyonce({ store, scope: 'payments', leaseMs: 500 })
const request = { key: 'order:1100', payload: orders.get('order:1100') }

if (process.argv[2] === 'dies') await once(request, pay)

// With the same flags: a loader of TypeScript is one of them.
const script = process.argv[1] ?? ''
console.log(spawnSync(process.execPath, [...process.execArgv, script, 'dies']).signal)
console.log(gateway.moves().map((line) => line.split(' ')[0]))

// In every process of the service, or in one of its own.
let ended = () => {}
const done = new Promise<void>((resolve) => {
  ended = resolve
})
const finishing = completer({
  once,
  handlers: { payments: pay },
  everyMs: 100,
  onEvent: (event) => {
    if (event.type === 'completed') ended()
  },
})
finishing.start()
await done
await finishing.stop()

console.log(gateway.moves().map((line) => line.split(' ')[0]))
// The client asks again at last, and gets the answer.
console.log(await once(request, () => 'never runs'))
await once.close()
await store[Symbol.asyncDispose]()

// prints: SIGKILL
// prints: [ 'reserve' ]
// prints: [ 'reserve', 'capture' ]
// prints: paid
