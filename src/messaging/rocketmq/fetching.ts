import { type Cancel, type Runtime, sleep } from '../../core/runtime.ts'
import { backoff, timeLimit } from '../../core/time-limit.ts'
import type { RocketConsumer, RocketMessage } from './client.ts'
import type { RocketSource } from './options.ts'

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5_000
/** The most that the broker hands over at once. */
const MAX_BATCH = 32
/** Without a wake; only for one that was lost. */
const IDLE_MS = 1_000
/** An end is not held up by a broker that does not answer, nor by a client that waits for long. */
const END_LIMIT_MS = 10_000

export interface Fetching {
  /** There may be room. */
  wake(): void
  /** Asks for nothing more; resolves when the question under way is answered. */
  end(): Promise<void>
  /** Shuts down what was started here. */
  close(): Promise<void>
}

export interface FetchingEvents {
  readonly roomFor: () => number
  /** Also called for what arrives after the end. */
  readonly onMessages: (messages: readonly RocketMessage[], client: RocketConsumer) => void
  readonly onFailure: (error: unknown) => void
}

/** Asks the broker for messages, one question at a time, while there is room for them. */
export function startFetching(
  consumer: RocketSource['consumer'],
  invisibleMs: number,
  runtime: Runtime,
  { roomFor, onMessages, onFailure }: FetchingEvents,
): Fetching {
  const ending = new AbortController()
  let ours: RocketConsumer | undefined
  let woken: Cancel = () => {}

  async function open(): Promise<RocketConsumer> {
    if (typeof consumer !== 'function') return consumer
    ours ??= await consumer()
    return ours
  }

  async function pause(ms: number): Promise<void> {
    const wait = new AbortController()
    woken = () => wait.abort('woken')
    if (!ending.signal.aborted) await sleep(runtime, ms, wait.signal)
  }

  async function keep(): Promise<void> {
    let pauseMs = backoff(runtime, FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
    while (!ending.signal.aborted) {
      const room = Math.min(roomFor(), MAX_BATCH)
      if (room <= 0) {
        await pause(IDLE_MS)
        continue
      }
      const askedAt = runtime.elapsed()
      try {
        const client = await open()
        const messages = ending.signal.aborted ? [] : await client.receive(room, invisibleMs)
        onMessages(messages, client)
        pauseMs = backoff(runtime, FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
        // As a rule it has waited for seconds before it says that there is nothing.
        if (messages.length === 0 && runtime.elapsed() - askedAt < FIRST_PAUSE_MS) await pause(FIRST_PAUSE_MS)
      } catch (error) {
        if (ending.signal.aborted) return
        onFailure(error)
        await sleep(runtime, pauseMs(), ending.signal)
      }
    }
  }

  const kept = keep()
  return {
    wake: () => woken(),
    async end() {
      ending.abort()
      woken()
      await timeLimit(runtime, kept, END_LIMIT_MS, () => undefined).catch(() => {})
    },
    async close() {
      // One that is still being opened is nobody's when it is there.
      if (ours === undefined) void kept.then(() => ours?.shutdown()).catch(() => {})
      const closing = Promise.resolve(ours?.shutdown())
      // One that is lost cannot be shut down in order.
      await timeLimit(runtime, closing, END_LIMIT_MS, () => undefined).catch(() => {})
    },
  }
}
