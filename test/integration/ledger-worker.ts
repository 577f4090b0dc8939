/** What the processes that work on a ledger have in common, whatever the broker. */
import { existsSync, writeFileSync } from 'node:fs'
import { relay } from '../../src/outbox/relay.ts'
import type { SqliteStore, SqliteTx } from '../../src/stores/sqlite/index.ts'
import { sleepMs } from '../support/waiting.ts'
import { record } from './ledger-store.ts'

export const rules = {
  name: 'ledger',
  delivers: 'exactly-once-effect',
  // So many that no kill from outside has an innocent message put aside: see `attemptsBeside`, for the four of the worst test.
  maxAttempts: 7,
  backoffMs: 5,
  maxBackoffMs: 50,
} as const

export async function recordOrDie({ id }: { readonly id: string }, tx: SqliteTx): Promise<void> {
  record(id, tx)
  await sleepMs(id.startsWith('slow') ? 200 : 20)
  // As a process dies that runs out of memory: with no last word, and with others at work beside it.
  if (id === 'killer') process.kill(process.pid, 'SIGKILL')
}

/** Publishes what is in the outbox until it is empty; the first process dies between sending and writing it down. */
export async function relayThatDies(
  store: SqliteStore,
  path: string,
  publish: Parameters<typeof relay>[0]['publish'],
): Promise<void> {
  const flag = `${path}.killed`
  const running = relay({
    store,
    leaseMs: 1_000,
    publish: async (batch) => {
      const results = await publish(batch)
      if (!existsSync(flag)) {
        writeFileSync(flag, '')
        process.kill(process.pid, 'SIGKILL')
      }
      return results
    },
  })
  running.start()
  await running.drained()
  await running.stop()
}
