import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SqliteTx } from '../../../src/stores/sqlite/index.ts'
import type { MessagingHarness } from '../../../src/testing/index.ts'
import { closeAt, type EmbeddedPlace, embedded, QUEUE, queueAt, TOPIC } from './embedded.ts'

/** The embedded queue: a file of its own for every topic. */
export function embeddedHarness(worker?: string): MessagingHarness<EmbeddedPlace, SqliteTx> {
  return {
    ...embedded,
    ...(worker === undefined ? {} : { worker }),
    traits: {
      ordering: 'consumers',
      coordinates: false,
      publishedAt: true,
      withoutId: false,
      keepsDuplicates: true,
    },
    offers: ['refused', 'loseAcks'],
    async openTopic() {
      const directory = mkdtempSync(join(tmpdir(), 'onlyonce-queue-'))
      const place = { path: join(directory, 'queue.db') }
      const queue = queueAt(place)
      return {
        place,
        topic: TOPIC,
        async publish(messages) {
          const results = await queue.publish(
            messages.map(({ id = '', body, headers = {}, orderingKey }) => ({
              id,
              topic: TOPIC,
              body,
              headers,
              ...(orderingKey === undefined ? {} : { orderingKey }),
            })),
          )
          for (const result of results) if (!result.ok) throw new Error(result.reason)
        },
        async depth() {
          const { ready = 0, out = 0, behind = 0 } = (await queue.stats()).get(QUEUE) ?? {}
          return ready + out + behind
        },
        parked: async () =>
          (await queue.deadLetters(QUEUE)).map(({ id, reason, body, headers = {} }) => ({ id, reason, body, headers })),
        refused: (id) => ({ id, topic: 'nowhere', body: new Uint8Array(1), headers: {} }),
        faults: {
          async loseAcks(every) {
            const { ack } = queue
            let asked = 0
            let lost = 0
            Object.assign(queue, {
              async ack(receipt: string) {
                if (++asked % every !== 0) return ack(receipt)
                lost++
                return 'ok'
              },
            })
            return {
              get lost() {
                return lost
              },
              async stop() {
                Object.assign(queue, { ack })
              },
            }
          },
        },
        async close() {
          await closeAt(place)
          rmSync(directory, { recursive: true, force: true })
        },
      }
    },
  }
}
