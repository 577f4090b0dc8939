// The brokers to measure. Another one is one more entry: how to open it, and how to consume from it without onlyonce.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { consume, embeddedQueue } from 'onlyonce/embedded-queue'

/**
 * @typedef {object} Desk One queue.
 * @property {(messages: readonly any[]) => Promise<unknown>} publish
 * @property {import('onlyonce/outbox').Publisher} publisher
 * @property {(handle: (message: any) => unknown, concurrency: number) => Work} bare Receive, handle, acknowledge; nothing else.
 * @property {(options: any) => Work} ours
 * @property {() => Promise<void>} close
 *
 * @typedef {{ pause(): void, resume(): void, stop(): Promise<void> }} Work
 *
 * @typedef {object} Broker
 * @property {string} name
 * @property {import('../servers.mjs').Kind | undefined} kind The server it needs.
 * @property {(url: string | undefined) => Promise<Desk>} open
 */

/** @type {Broker} */
const embedded = {
  name: 'embedded queue',
  kind: undefined,
  async open() {
    const home = mkdtempSync(join(tmpdir(), 'onlyonce-bench-'))
    const queue = embeddedQueue({
      path: join(home, 'queue.db'),
      subscriptions: { orders: ['orders'] },
      durability: 'normal',
    })
    return {
      publish: (messages) => queue.publish(messages),
      publisher: (batch) => queue.publish(batch),
      bare: (handle, concurrency) => bareLoop(queue, handle, concurrency),
      ours: (options) => consume({ queue, from: 'orders', ...options }),
      async close() {
        await queue.close()
        rmSync(home, { recursive: true, force: true })
      },
    }
  },
}

/** @type {readonly Broker[]} */
export const brokers = [embedded]

/**
 * What one writes by hand: receive some, handle them side by side, acknowledge each.
 * @param {import('onlyonce/embedded-queue').EmbeddedQueue} queue @param {(message: any) => unknown} handle @param {number} concurrency
 * @returns {Work}
 */
function bareLoop(queue, handle, concurrency) {
  let paused = false
  let stopped = false
  async function work() {
    while (!stopped) {
      const messages = paused ? [] : await queue.receive('orders', concurrency)
      if (messages.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
      await Promise.all(
        messages.map(async (message) => {
          await handle(message)
          await queue.ack(message.receipt)
        }),
      )
    }
  }
  const working = work()
  return {
    pause() {
      paused = true
    },
    resume() {
      paused = false
    },
    async stop() {
      stopped = true
      await working
    },
  }
}
