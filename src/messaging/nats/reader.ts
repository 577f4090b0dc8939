import { createPause } from '../../core/pause.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { NatsMessage, NatsPullConsumer } from './client.ts'

/**
 * How long one request for messages stays with the server: the minimum that the client allows. The ack wait is counted
 * from the request, and `end` waits for it. Closing it earlier is not safe: nats-server 2.9.10 then takes the next
 * message due for redelivery for a delivered one, and the newest one for an undelivered one.
 */
const FETCH_MS = 1_000
/** A request that is still open so long after its time has lost its server. */
const GRACE_MS = 2_000
/** Freed room wakes the reader; polling only makes up for a lost wake-up. */
const IDLE_MS = 250

export interface ReaderEvents {
  /** `askedAt`: when the server was asked for it, by `elapsed`. */
  readonly onMessage: (message: NatsMessage, askedAt: number) => void
  /** The server had nothing more. */
  readonly onExhausted: (askedAt: number) => void
  readonly room: () => number
}

export interface Reader {
  /**
   * Resolves when reading was ended and the last request is over.
   * @throws what ended it: the consumer was deleted, the server or the connection is gone
   */
  readonly over: Promise<void>
  wake(): void
  /** Asks for no more messages. */
  end(): void
}

/** Asks again and again for as many messages as there is room for, one request at a time. */
export function read(
  consumer: NatsPullConsumer,
  runtime: Runtime,
  { onMessage, onExhausted, room }: ReaderEvents,
): Reader {
  const ending = new AbortController()
  const idling = createPause(runtime)

  async function fetchOnce(max: number): Promise<void> {
    const askedAt = runtime.elapsed()
    const messages = await consumer.fetch({ max_messages: max, expires: FETCH_MS })
    let silent = false
    const cancel = runtime.after(FETCH_MS + GRACE_MS, () => {
      silent = true
      void messages.close().catch(() => {})
    })
    let count = 0
    try {
      for await (const message of messages) {
        count++
        onMessage(message, askedAt)
      }
    } finally {
      cancel()
    }
    if (ending.signal.aborted) return
    if (silent) throw new Error(`NATS did not end a request for messages within ${FETCH_MS + GRACE_MS} ms`)
    if (count < max) onExhausted(askedAt)
  }

  async function run(): Promise<void> {
    while (!ending.signal.aborted) {
      const max = room()
      if (max > 0) await fetchOnce(max)
      else await idling.wait(IDLE_MS)
    }
  }

  return {
    over: run(),
    wake: idling.end,
    end() {
      ending.abort()
      idling.end()
    },
  }
}
