import { consume, type EmbeddedQueue, embeddedQueue } from '../../../src/messaging/embedded-queue.ts'
import type { SqliteTx } from '../../../src/stores/sqlite/index.ts'
import type { MessagingWorker } from '../../../src/testing/index.ts'
import { sqliteLedger } from './sqlite-ledger.ts'

export interface EmbeddedPlace {
  readonly path: string
}

export const TOPIC = 'orders'
export const QUEUE = 'ledger'

const open = new Map<string, EmbeddedQueue>()

/** The queues of this process: one connection to a file is enough. */
export function queueAt({ path }: EmbeddedPlace): EmbeddedQueue {
  const found = open.get(path)
  if (found !== undefined) return found
  const queue = embeddedQueue({
    path,
    subscriptions: { [TOPIC]: [QUEUE] },
    durability: 'normal',
    busyTimeoutMs: 20_000,
  })
  open.set(path, queue)
  return queue
}

export async function closeAt({ path }: EmbeddedPlace): Promise<void> {
  const queue = open.get(path)
  open.delete(path)
  await queue?.close()
}

export const embedded: MessagingWorker<EmbeddedPlace, SqliteTx> = {
  ledger: sqliteLedger,
  consume: (place, options) =>
    consume<SqliteTx>({ pollMs: 20, ...options, queue: queueAt(place), from: QUEUE } as never),
  publisher: (place) => ({
    publish: (batch) => queueAt(place).publish(batch),
    close: async () => {},
  }),
}
