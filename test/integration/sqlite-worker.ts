/** Runs in a process of its own, bundled by `sqlite-processes.test.ts`: `worker.mjs MODE FILE [KEYS]`. */
import { onlyonce } from '../../src/index.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'

const [mode, path = '', keys = '0'] = process.argv.slice(2)
const say = (word: string) => process.stdout.write(`${word}\n`)

const store = sqliteStore({ path, durability: 'normal', busyTimeoutMs: 30_000 })

/** In another order in every process, so that all of them meet on all keys. */
function shuffled(count: number): number[] {
  const numbers = Array.from({ length: count }, (_, index) => index)
  return numbers
    .map((number) => ({ number, rank: Math.random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ number }) => number)
}

if (mode === 'migrate') {
  const { from, to } = await store.migrate()
  say(`${from} ${to}`)
} else if (mode === 'atomic') {
  const once = onlyonce({ store, scope: 'hammer', storeTimeoutMs: 60_000, leaseMs: 60_000 })
  say('ready')
  for (const number of shuffled(Number(keys))) {
    const answer = await once.atomic(`key-${number}`, async (tx, op) => {
      tx.prepare('INSERT INTO effects (key, fence, pid) VALUES (?, ?, ?)').run(op.key, op.fence, process.pid)
      if (Math.random() < 0.3) await new Promise((resolve) => setTimeout(resolve, Math.random() * 3))
      return { pid: process.pid, fence: op.fence }
    })
    say(`answer ${number} ${JSON.stringify(answer)}`)
  }
  say('finished')
} else if (mode === 'leased') {
  const once = onlyonce({
    store,
    scope: 'hammer',
    storeTimeoutMs: 60_000,
    leaseMs: 60_000,
    onInFlight: 'wait',
    waitMs: 60_000,
  })
  await Promise.all(shuffled(Number(keys)).map((number) => once(`key-${number}`, () => say(`effect ${number}`))))
  say('finished')
}
await store[Symbol.asyncDispose]()
