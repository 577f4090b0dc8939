import { backoff } from '../../core/backoff.ts'
import { reasonOf } from '../../core/errors.ts'
import { createPause } from '../../core/pause.ts'
import { type Runtime, sleep } from '../../core/runtime.ts'
import { timeLimit } from '../../core/time-limit.ts'
import type { RocketConsumer, RocketMessage } from './client.ts'
import type { RocketSource } from './options.ts'

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5_000
/** Maximum number of messages that the broker delivers at once. */
const MAX_BATCH = 32
/** Polling, which only makes up for a lost wake-up. */
const IDLE_MS = 1_000
/** Neither a broker that does not answer nor a client with a long wait must delay `stop`. */
const END_LIMIT_MS = 10_000
const OPEN_LIMIT_MS = 60_000
const LONGEST_OPEN_PAUSE_MS = 600_000
/** A message comes again when its invisible time is over, plus what the broker takes to notice and an idle client waits. */
const COMES_AGAIN_MS = 60_000

export interface Fetching {
  /** Call when there may be room for further messages. */
  wake(): void
  /** Asks for no more messages; resolves when the pending request is answered, or after a time limit. */
  end(): Promise<void>
  /** Shuts down what was started here. */
  close(): Promise<void>
}

export interface FetchingEvents {
  readonly roomFor: () => number
  /** Also called for messages that arrive after `end`. */
  readonly onMessages: (messages: readonly RocketMessage[], client: RocketConsumer) => void
  readonly onFailure: (error: unknown) => void
}

/** Asks the broker for messages, one request at a time, while there is room for them. */
export function startFetching(
  consumer: RocketSource['consumer'],
  invisibleMs: number,
  runtime: Runtime,
  { roomFor, onMessages, onFailure }: FetchingEvents,
): Fetching {
  const ending = new AbortController()
  let ours: RocketConsumer | undefined
  const idling = createPause(runtime)
  let unanswered = false
  let singlyUntil = Number.NEGATIVE_INFINITY

  async function open(): Promise<RocketConsumer> {
    if (typeof consumer !== 'function') return consumer
    ours ??= await inTime(Promise.resolve(consumer()))
    return ours
  }

  /** The client waits for ever for a proxy's first settings. A consumer that starts too late is shut down. */
  function inTime(starting: Promise<RocketConsumer>): Promise<RocketConsumer> {
    return timeLimit(runtime, starting, OPEN_LIMIT_MS, () => {
      void starting.then((late) => late.shutdown()).catch(() => {})
      unanswered = true
      return new Error(`RocketMQ: the consumer did not start within ${OPEN_LIMIT_MS} ms`)
    })
  }

  async function keep(): Promise<void> {
    let pauseMs = backoff(runtime, FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
    // Each start that is never answered leaves a client behind whose timers go on.
    const openPauseMs = backoff(runtime, OPEN_LIMIT_MS, LONGEST_OPEN_PAUSE_MS)
    while (!ending.signal.aborted) {
      const isSingle = runtime.elapsed() < singlyUntil
      const room = Math.min(roomFor(), isSingle ? 1 : MAX_BATCH)
      if (room <= 0) {
        await idling.wait(IDLE_MS)
        continue
      }
      const askedAt = runtime.elapsed()
      try {
        const client = await open()
        const messages = ending.signal.aborted ? [] : await client.receive(room, invisibleMs)
        onMessages(messages, client)
        pauseMs = backoff(runtime, FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
        // Usually the broker waits for seconds before it returns nothing.
        const soon = runtime.elapsed() - askedAt < FIRST_PAUSE_MS
        if (messages.length === 0 && soon && !ending.signal.aborted) await idling.wait(FIRST_PAUSE_MS)
      } catch (error) {
        if (ending.signal.aborted) return
        const isUnreadable = isDecompression(error)
        if (isUnreadable) singlyUntil = runtime.elapsed() + invisibleMs + COMES_AGAIN_MS
        onFailure(isUnreadable ? unreadable(error) : error)
        const ms = unanswered ? openPauseMs() : pauseMs()
        unanswered = false
        await sleep(runtime, ms, ending.signal)
      }
    }
  }

  const kept = keep()
  return {
    wake: idling.end,
    async end() {
      ending.abort()
      idling.end()
      await timeLimit(runtime, kept, END_LIMIT_MS, () => undefined).catch(() => {})
    },
    async close() {
      // A consumer that is still being started is shut down when it has started.
      if (ours === undefined) void kept.then(() => ours?.shutdown()).catch(() => {})
      const closing = Promise.resolve(ours?.shutdown())
      // One that is lost cannot be shut down in order.
      await timeLimit(runtime, closing, END_LIMIT_MS, () => undefined).catch(() => {})
    },
  }
}

/**
 * The client decompresses inside `receive`: a body that it cannot decompress costs the whole batch one of the broker's
 * attempts, each time. So until it is gone for good, messages are asked for one by one, and the others get through.
 */
function isDecompression(error: unknown): boolean {
  return String((Object(error) as { readonly code?: unknown }).code).startsWith('Z_')
}

function unreadable(cause: unknown): Error {
  const what = `RocketMQ: the client cannot decompress the body of a message that it received (${reasonOf(cause)})`
  const then = 'it stays with the broker, and the others are received one by one meanwhile'
  return new Error(`${what}: ${then}`, { cause })
}
