import { type Runtime, sleep } from '../../core/runtime.ts'
import { timeLimit } from '../../core/time-limit.ts'
import { keepOpen } from '../keep-open.ts'
import type { NatsConsumerInfo, NatsManager } from './client.ts'
import { checkDurable, type Opened, openDurable, type Wanted } from './declare.ts'
import type { CheckedSource } from './options.ts'
import { type Reader, type ReaderEvents, read } from './reader.ts'

/** A server that does not answer must not delay `cancel`. */
const CLOSE_LIMIT_MS = 5_000
/** How often the position is noted. A deleted consumer is created again there, and redelivers what came since. */
const REMEMBER_EVERY_MS = 5_000

/** Reads from one durable consumer; opens it again when it is lost, until `cancel`. */
export interface Link {
  wake(): void
  /** Asks for no more messages. */
  cancel(): Promise<void>
}

export interface LinkEvents extends ReaderEvents {
  /** Called before the first message. `again`: this process has read from this stream before. */
  readonly onOpen: (opened: Opened, again: boolean) => void
  /** The connection was lost, and messages with it that were on their way. `onOpen` follows. */
  readonly onInterrupted: () => void
  /** Called from time to time while reading. */
  readonly onInfo: (info: NatsConsumerInfo) => void
  readonly onFailure: (error: unknown) => void
}

export function keepLinked(
  source: CheckedSource,
  wanted: Omit<Wanted, 'behind'>,
  runtime: Runtime,
  events: LinkEvents,
): Link {
  const { connection, jetstream, stream, durable } = source
  const ending = new AbortController()
  let reader: Reader | undefined
  let streamCreated: string | undefined
  let behind = 0
  let interrupted = false

  async function open(): Promise<void> {
    if (connection.isClosed())
      throw new Error('the connection to NATS is closed for good: open it with maxReconnectAttempts: -1')
    interrupted = false
    // Without the client's check for JetStream: the next request shows whether there is one.
    const manager = await jetstream.jetstreamManager(false)
    const opened = await openDurable(manager, source, { ...wanted, behind })
    const { streamInfo, info } = opened
    const again = streamCreated === streamInfo.created
    if (!again && streamCreated !== undefined) behind = 0
    behind = Math.max(behind, info.ack_floor.stream_seq)
    const consumer = await jetstream.consumers.get(stream, durable)
    if (ending.signal.aborted) return
    streamCreated = streamInfo.created
    events.onOpen(opened, again)
    const reading = read(consumer, runtime, events)
    reader = reading
    if (interrupted) reading.end()
    const over = new AbortController()
    // Refused while it is read, a consumer is refused again when it is opened.
    const remembering = remember(manager, over.signal).catch(() => reading.end())
    try {
      await reading.over
    } finally {
      reader = undefined
      over.abort()
      await remembering
    }
  }

  /** @throws Error when somebody changed the consumer so that it would lose messages */
  async function remember(manager: NatsManager, over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      await sleep(runtime, REMEMBER_EVERY_MS, over)
      if (over.aborted) return
      // Errors are ignored here: the reader gets them too.
      const info = await manager.consumers.info(stream, durable).catch(() => undefined)
      if (info === undefined) continue
      checkDurable(source, info)
      behind = Math.max(behind, info.ack_floor.stream_seq)
      events.onInfo(info)
    }
  }

  /** The client reconnects by itself; a lost connection is reported nowhere else. */
  const status = connection.status()
  async function watchConnection(): Promise<void> {
    for await (const { type } of status) {
      if (ending.signal.aborted) return
      if (type !== 'disconnect') continue
      events.onFailure(new Error('the connection to NATS was lost'))
      events.onInterrupted()
      interrupted = true
      reader?.end()
    }
  }
  void watchConnection().catch(() => {})

  const kept = keepOpen(runtime, ending.signal, open, events.onFailure)
  return {
    wake: () => reader?.wake(),
    async cancel() {
      ending.abort()
      reader?.end()
      status.stop?.()
      await timeLimit(runtime, kept, CLOSE_LIMIT_MS, () => undefined).catch(() => {})
    },
  }
}
