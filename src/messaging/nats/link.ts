import { type Runtime, sleep } from '../../core/runtime.ts'
import { timeLimit } from '../../core/time-limit.ts'
import { keepOpen } from '../keep-open.ts'
import type { NatsConsumerInfo, NatsManager } from './client.ts'
import { type Opened, openDurable, type Wanted } from './declare.ts'
import type { CheckedSource } from './options.ts'
import { type Reader, type ReaderEvents, read } from './reader.ts'

/** An end is not held up by a server that does not answer. */
const CLOSE_LIMIT_MS = 5_000
/** A consumer that somebody deletes is made again where it was so long ago, and hands out again what came since. */
const REMEMBER_EVERY_MS = 5_000

/** Keeps reading from one durable consumer: one that is lost is opened again until `cancel`. */
export interface Link {
  wake(): void
  /** Nothing new is asked for from now on. */
  cancel(): Promise<void>
}

export interface LinkEvents extends ReaderEvents {
  /** Before the first message. `again`: this process read from the stream before. */
  readonly onOpen: (opened: Opened, again: boolean) => void
  /** Now and then, while it is read from. */
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

  async function open(): Promise<void> {
    if (connection.isClosed())
      throw new Error('the connection to NATS is closed for good: open it with maxReconnectAttempts: -1')
    // Whether there is a JetStream shows soon enough.
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
    reader = read(consumer, runtime, events)
    const over = new AbortController()
    const remembering = remember(manager, over.signal)
    try {
      await reader.over
    } finally {
      reader = undefined
      over.abort()
      await remembering
    }
  }

  async function remember(manager: NatsManager, over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      await sleep(runtime, REMEMBER_EVERY_MS, over)
      if (over.aborted) return
      // Whatever is wrong shows to the reader too.
      const info = await manager.consumers.info(stream, durable).catch(() => undefined)
      if (info === undefined) continue
      behind = Math.max(behind, info.ack_floor.stream_seq)
      events.onInfo(info)
    }
  }

  /** The client goes on by itself afterwards, and says so to nobody else. */
  const status = connection.status()
  async function watchConnection(): Promise<void> {
    for await (const { type } of status) {
      if (ending.signal.aborted) return
      if (type === 'disconnect') events.onFailure(new Error('the connection to NATS was lost'))
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
