import type { Runtime } from '../../core/runtime.ts'
import type { RabbitChannel, RabbitConnection } from './client.ts'
import { closed } from './closed.ts'
import { type Confirms, confirmsOn } from './confirms.ts'

/** Keeps one channel to publish over: the next call after it was lost opens another. */
export interface Sender {
  open(): Promise<Confirms>
  close(): Promise<void>
}

/** Over a channel of the caller's: it is not replaced, and not closed. */
export function sendOver(channel: RabbitChannel): Sender {
  const confirms = confirmsOn(channel)
  return { open: async () => confirms, close: async () => {} }
}

/** Over channels of its own; what a function opened is its own too. */
export function keepSender(connection: RabbitConnection | (() => Promise<RabbitConnection>), runtime: Runtime): Sender {
  let current: Promise<Confirms> | undefined
  let end: (() => Promise<unknown>) | undefined
  let isClosed = false

  async function open(): Promise<Confirms> {
    const ours = typeof connection === 'function'
    const used = ours ? await connection() : connection
    const finish = async (channel?: RabbitChannel) => {
      await closed(runtime, channel)
      if (ours) await closed(runtime, used)
    }
    // Without a listener the client would end the process. What it means for us comes as the end of the channel.
    if (ours) used.on('error', () => {})
    let channel: RabbitChannel | undefined
    try {
      channel = await used.createConfirmChannel()
      channel.on('error', () => {})
      if (isClosed) throw isOver()
    } catch (error) {
      await finish(channel)
      throw error
    }
    end = () => finish(channel)
    channel.on('close', () => {
      current = undefined
      end = undefined
      if (ours) void finish()
    })
    return confirmsOn(channel)
  }

  return {
    open() {
      if (isClosed) return Promise.reject(isOver())
      current ??= open().catch((error) => {
        current = undefined
        throw error
      })
      return current
    },
    async close() {
      isClosed = true
      // One that is still being opened finds out by itself.
      await current?.catch(() => {})
      await end?.()
    },
  }
}

const isOver = () => new Error('the publisher is closed')
