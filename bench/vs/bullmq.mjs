import { order } from '../workload.mjs'
import { rival } from './rivals/import.mjs'

const CONCURRENCY = 256

/**
 * A job with the key as its id runs once. The caller waits for a worker in its own process, which is the quickest way.
 * A duplicate only learns that the job is known, not its result.
 * @type {readonly import('./contestant.mjs').Contestant[]}
 */
export const bullmq = [
  {
    name: 'BullMQ, the key as `jobId`',
    on: 'redis',
    async open(url) {
      const { Queue, Worker } = await rival('bullmq')
      const { hostname: host, port } = new URL(url)
      const connection = { host, port: Number(port) }
      /** @type {Map<string, { effect: () => Promise<object>, settle: (result: unknown) => void }>} */
      const waiting = new Map()
      const queue = new Queue('vs', { connection })
      const worker = new Worker('vs', (/** @type {{ id: string }} */ { id }) => waiting.get(id)?.effect(), {
        connection: { ...connection, maxRetriesPerRequest: null },
        concurrency: CONCURRENCY,
      })
      worker.on('error', () => {})
      worker.on('completed', (/** @type {{ id: string }} */ { id }, /** @type {unknown} */ result) =>
        waiting.get(id)?.settle(result),
      )
      await worker.waitUntilReady()
      /** @type {Set<string>} */
      const done = new Set()
      return {
        async call(key, effect) {
          // Adding does not tell whether the job was known; its result would take another request.
          if (done.has(key)) return void (await queue.add('order', order, { jobId: key }))
          const result = new Promise((settle) => waiting.set(key, { effect, settle }))
          await queue.add('order', order, { jobId: key })
          await result
          waiting.delete(key)
          done.add(key)
          return result
        },
        async close() {
          await worker.close()
          await queue.close()
        },
      }
    },
  },
]
