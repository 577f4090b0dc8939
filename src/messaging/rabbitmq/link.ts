import type { Runtime } from '../../core/runtime.ts'
import { timeLimit } from '../../core/time-limit.ts'
import { keepOpen } from '../keep-open.ts'
import { type ChannelEvents, consumeOn, type OpenChannel } from './channel.ts'
import type { RabbitChannel } from './client.ts'
import { CLOSE_LIMIT_MS, closed } from './closed.ts'
import { inTime, openChannel } from './opening.ts'
import type { RabbitSource } from './options.ts'
import { declareQueues } from './queues.ts'

/** Keeps one consuming channel open: a lost one is replaced until `close`. */
export interface Link {
  /** While paused nothing new is delivered. */
  setPaused(paused: boolean): void
  /** Nothing new is handed over from now on, and no channel is opened. */
  cancel(): Promise<void>
  close(): Promise<void>
}

export interface Wanted {
  readonly prefetch: number
  /** The longest pause for which a retry queue is declared. */
  readonly maxBackoffMs: number
}

export interface LinkEvents {
  readonly onMessage: (message: Parameters<ChannelEvents['onMessage']>[0], channel: OpenChannel) => void
  readonly onGone: (channel: OpenChannel) => void
  readonly onFailure: (error: unknown) => void
}

export function keepLinked(
  { connection, queue, declare }: Required<RabbitSource>,
  { prefetch, maxBackoffMs }: Wanted,
  runtime: Runtime,
  { onMessage, onGone, onFailure }: LinkEvents,
): Link {
  const ending = new AbortController()
  let channel: OpenChannel | undefined
  let paused = false
  /** Ends the wait for the end of the channel. */
  let over: () => void = () => {}

  /** Resolves when the channel is gone. */
  async function open(): Promise<void> {
    const { channel: raw, close } = await openChannel(connection, runtime)
    try {
      await consume(raw)
    } finally {
      // The channel may still exist and hold deliveries: after a cancel by the broker, or a failed declaration.
      await close()
    }
  }

  async function consume(raw: RabbitChannel): Promise<void> {
    const isOver = new Promise<void>((resolve) => {
      over = resolve
    })
    if (declare) await inTime(runtime, 'declare the queues', declareQueues(raw, queue, maxBackoffMs))
    const early: Parameters<ChannelEvents['onMessage']>[0][] = []
    let opened: OpenChannel | undefined
    opened = await consumeOn(raw, { queue, prefetch, paused }, runtime, {
      onMessage: (message) => (opened === undefined ? early.push(message) : onMessage(message, opened)),
      onGone(reason) {
        if (!ending.signal.aborted) onFailure(reason)
        over()
      },
    })
    channel = opened
    opened.setPaused(paused)
    for (const message of early) onMessage(message, opened)
    if (ending.signal.aborted) return
    await isOver
    channel = undefined
    onGone(opened)
  }

  const kept = keepOpen(runtime, ending.signal, open, onFailure)
  return {
    setPaused(now) {
      paused = now
      channel?.setPaused(now)
    },
    async cancel() {
      ending.abort()
      const silent = () => new Error(`RabbitMQ did not answer within ${CLOSE_LIMIT_MS} ms`)
      const cancelled = Promise.resolve(channel?.cancel())
      await timeLimit(runtime, cancelled, CLOSE_LIMIT_MS, silent).catch(onFailure)
    },
    async close() {
      ending.abort()
      const all = closed(runtime, channel).then(() => {
        // A channel whose close is not answered never says that it is gone, and its connection has to be closed too.
        over()
        return kept
      })
      await timeLimit(runtime, all, CLOSE_LIMIT_MS, () => undefined).catch(() => {})
    },
  }
}
