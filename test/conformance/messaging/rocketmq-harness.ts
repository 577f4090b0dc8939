import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ID_HEADER, ORDERING_KEY_HEADER, REASON_HEADER } from '../../../src/messaging/headers.ts'
import { deadTopic } from '../../../src/messaging/rocketmq.ts'
import type { SqliteTx } from '../../../src/stores/sqlite/index.ts'
import type { LosingAcks, MessagingHarness, ParkedMessage, RawMessage } from '../../../src/testing/index.ts'
import { openConsumer, openProducer } from '../../integration/rocketmq-clients.ts'
import { createGroup, createTopic, publishedTo } from '../../support/rocketmq.ts'
import { patiently } from '../../support/round-trip.ts'
import { groupOf, losses, type RocketPlace, rocketmq } from './rocketmq.ts'
import { unsettled } from './rocketmq-journal.ts'

const TOO_LARGE = 5 * 1024 * 1024
/** What a consumer that is gone had comes again after ten seconds, and up to five later. */
const PATIENCE_MS = 110_000

/** Why a case is left out that needs a broker which dies. */
export const GONE = 'its client throws out of reach when its broker goes away, which would end the run'
/** Why a case is left out that needs connections which are lost. */
export const BETWEEN = 'the proxy of RocketMQ names its own address to its clients, so that nothing can be put between'

export function rocketmqHarness(url: string, worker: string): MessagingHarness<RocketPlace, SqliteTx> {
  return {
    ...rocketmq,
    worker,
    patienceMs: PATIENCE_MS,
    traits: {
      ordering: 'consumers',
      coordinates: true,
      publishedAt: true,
      withoutId: true,
      keepsDuplicates: true,
      // As a property. The broker drops one without a value.
      carriesId: (id) => id !== '' && !/\p{Cc}/u.test(id),
      emptyBodies: false,
    },
    offers: ['loseAcks', 'refused'],
    async openTopic({ ordered }) {
      const topic = `c-${randomUUID().slice(0, 8)}`
      const directory = mkdtempSync(join(tmpdir(), 'onlyonce-rocketmq-'))
      const journal = join(directory, 'acknowledgements')
      await patiently(() => createTopic(url, topic, ordered ? 'FIFO' : 'NORMAL'))
      await createTopic(url, deadTopic(topic))
      if (ordered) await createGroup(url, groupOf(topic, 'ledger'), { inOrder: true })
      const producer = await openProducer(url, topic)
      return {
        place: { url, topic, ordered, journal },
        topic,
        async publish(messages) {
          for (const message of messages) await producer.send(outgoing(topic, message, ordered))
        },
        depth: async () => unsettled(journal, await publishedTo(url, topic)),
        parked: () => parkedIn(url, deadTopic(topic)),
        refused: (id) => ({ id, topic, body: new Uint8Array(TOO_LARGE), headers: {} }),
        faults: { loseAcks: async (every) => losing(topic, every) },
        async close() {
          losses.delete(topic)
          await producer.shutdown()
          rmSync(directory, { recursive: true, force: true })
        },
      }
    },
  }
}

function outgoing(topic: string, { id, body, headers = {}, orderingKey }: RawMessage, ordered: boolean) {
  const properties = new Map(Object.entries(headers))
  if (id !== undefined) properties.set(ID_HEADER, id)
  if (orderingKey !== undefined && !ordered) properties.set(ORDERING_KEY_HEADER, orderingKey)
  const group = ordered && orderingKey !== undefined ? { messageGroup: orderingKey } : {}
  return { topic, body: Buffer.from(body), properties, ...group }
}

function losing(topic: string, every: number): LosingAcks {
  let asked = 0
  let lost = 0
  losses.set(topic, () => {
    const isLost = ++asked % every === 0
    if (isLost) lost++
    return isLost
  })
  return {
    get lost() {
      return lost
    },
    async stop() {
      losses.delete(topic)
    },
  }
}

async function parkedIn(url: string, topic: string): Promise<readonly ParkedMessage[]> {
  const count = await publishedTo(url, topic)
  if (count === 0) return []
  const reader = await openConsumer(url, topic, `${topic}-${randomUUID().slice(0, 8)}`)
  try {
    const found: ParkedMessage[] = []
    while (found.length < count) {
      for (const message of await reader.receive(32, 30_000)) {
        const headers = Object.fromEntries(message.properties)
        const { [ID_HEADER]: id = '', [REASON_HEADER]: reason = '' } = headers
        found.push({ id, reason, body: message.body, headers })
        await reader.ack(message)
      }
    }
    return found
  } finally {
    await reader.shutdown()
  }
}
