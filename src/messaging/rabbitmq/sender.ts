import type { Runtime } from '../../core/runtime.ts'
import { timeLimit } from '../../core/time-limit.ts'
import type { RabbitChannel } from './client.ts'
import { CLOSE_LIMIT_MS } from './closed.ts'
import { type Confirms, confirmsOn } from './confirms.ts'
import { openChannel } from './opening.ts'
import type { RabbitSource } from './options.ts'

/** Keeps one channel to publish over: when it was lost, the next call opens another. */
export interface Sender {
  open(): Promise<Confirms>
  close(): Promise<void>
}

/** Sends over the caller's channel, which is neither replaced nor closed. */
export function sendOver(channel: RabbitChannel): Sender {
  const confirms = confirmsOn(channel)
  return { open: async () => confirms, close: async () => {} }
}

/** Sends over channels that it opens and closes, as it does with a connection opened by a function. */
export function keepSender(connection: RabbitSource['connection'], runtime: Runtime): Sender {
  let current: Promise<Confirms> | undefined
  let opened: { readonly confirms: Confirms; close(): Promise<unknown> } | undefined
  let isClosed = false

  async function open(): Promise<Confirms> {
    const { channel, close } = await openChannel(connection, runtime)
    if (isClosed) {
      await close()
      throw isOver()
    }
    const ours = { confirms: confirmsOn(channel), close }
    opened = ours
    channel.on('close', () => drop(ours))
    return ours.confirms
  }

  /** Another channel may have taken its place meanwhile. */
  function drop(gone: typeof opened): void {
    if (gone === undefined || gone !== opened) return
    current = undefined
    opened = undefined
    void gone.close()
  }

  return {
    open() {
      if (isClosed) return Promise.reject(isOver())
      if (opened?.confirms.isOver) drop(opened)
      current ??= open().catch((error) => {
        current = undefined
        throw error
      })
      return current
    },
    async close() {
      isClosed = true
      // A channel that is still being opened then closes itself.
      const opening = Promise.resolve(current)
      await timeLimit(runtime, opening, CLOSE_LIMIT_MS, () => undefined).catch(() => {})
      await opened?.close()
    },
  }
}

const isOver = () => new Error('the publisher is closed')
