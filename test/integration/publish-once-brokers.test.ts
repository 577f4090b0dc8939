import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'amqplib'
import { beforeAll, describe, expect, it } from 'vitest'
import { processor } from '../../src/messaging/bullmq.ts'
import { consume as fromKafka } from '../../src/messaging/kafka.ts'
import { consume as fromNats } from '../../src/messaging/nats.ts'
import { type ConsumerEvent, consume as fromRabbit } from '../../src/messaging/rabbitmq.ts'
import { consume as fromStreams } from '../../src/messaging/redis-streams.ts'
import { consume as fromRocket } from '../../src/messaging/rocketmq.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { bundled } from '../support/bundle.ts'
import { tidily } from '../support/leftovers.ts'
import { describeWith, type Kind } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { openDesk as openBull } from './bullmq-helpers.ts'
import { openDesk as openKafka, SOON } from './kafka-helpers.ts'
import { clientOf, openDesk as openNats } from './nats-helpers.ts'
import { openDesk as openRabbit } from './rabbitmq-helpers.ts'
import { openDesk as openStreams } from './redis-streams-helpers.ts'
import { atLast, openDesk as openRocket } from './rocketmq-helpers.ts'

const LONG = { timeout: 90_000 }

type OnEvent = (event: ConsumerEvent) => void

/** A topic of its own at a broker, and a ledger of effects. */
interface Place {
  readonly topic: string
  /** How many copies the broker has; not every broker can be asked. */
  readonly stored?: () => Promise<number>
  readonly effects: () => Promise<readonly string[]>
  /** Starts a consumer that lasts until the test ends. */
  readonly consume: (onEvent: OnEvent) => unknown
}

const rules = {
  name: 'ledger',
  delivers: 'exactly-once-effect',
  handle: ({ id }: { readonly id: string }, tx: SqliteTx) =>
    void tx.prepare('INSERT INTO effects (id) VALUES (?)').run(id),
} as const

interface Case {
  readonly kind: Kind
  readonly open: (url: string) => Promise<Place>
  /** What the broker has of a message that was sent twice. */
  readonly copies: 1 | 2
  readonly canBeAsked: boolean
}

const cases: Readonly<Record<string, Case>> = {
  rabbitmq: {
    ...{ kind: 'rabbitmq', copies: 2, canBeAsked: false },
    async open(url) {
      const { queue, once, effects, count } = await openRabbit(url)
      const connection = () => connect(url)
      const consume = (onEvent: OnEvent) =>
        tidily(fromRabbit({ ...rules, once, connection, queue, onEvent }), (one) => one.stop())
      return { topic: queue, stored: () => count(), effects, consume }
    },
  },
  kafka: {
    ...{ kind: 'kafka', copies: 2, canBeAsked: true },
    async open(url) {
      const { topic, from, once, effects, admin } = await openKafka(url)
      const stored = async () => {
        const ends = await admin.fetchTopicOffsets(topic)
        return ends.reduce((sum, { high }) => sum + Number(high), 0)
      }
      const consume = (onEvent: OnEvent) =>
        tidily(fromKafka({ ...rules, ...from, consumer: SOON, once, onEvent }), (one) => one.stop())
      return { topic, stored, effects, consume }
    },
  },
  nats: {
    ...{ kind: 'nats', copies: 2, canBeAsked: true },
    async open(url) {
      const { stream, connection, manager, once, effects } = await openNats(url)
      // Over before the sender comes back: what is tested is not the server's own deduplication.
      await manager.streams.update(stream, { duplicate_window: 100_000_000 })
      const stored = async () => (await manager.streams.info(stream)).state.messages
      const consume = (onEvent: OnEvent) =>
        tidily(fromNats({ ...rules, ...clientOf(connection), once, stream, onEvent }), (one) => one.stop())
      return { topic: `${stream}.paid`, stored, effects, consume }
    },
  },
  'redis-streams': {
    ...{ kind: 'redis', copies: 2, canBeAsked: true },
    async open(url) {
      const { stream, client, once, effects } = await openStreams(url)
      const consume = (onEvent: OnEvent) =>
        tidily(fromStreams({ ...rules, once, client, stream, onEvent }), (one) => one.stop())
      return { topic: stream, stored: () => client.xlen(stream), effects, consume }
    },
  },
  rocketmq: {
    ...{ kind: 'rocketmq', copies: 2, canBeAsked: false },
    async open(url) {
      const { topic, producer, consumer, once, effects } = await openRocket(url)
      const consume = (onEvent: OnEvent) =>
        atLast(fromRocket({ ...rules, once, producer, consumer, onEvent }), (one) => one.stop())
      return { topic, effects, consume }
    },
  },
  bullmq: {
    // A job that is there is not added again, so the sender hears `ok` of the first one.
    ...{ kind: 'redis', copies: 1, canBeAsked: false },
    async open(url) {
      const { name, queue, work, once, effects } = await openBull(url)
      const consume = (onEvent: OnEvent) => work(processor({ ...rules, once, onEvent }))
      return { topic: name, stored: () => queue.count(), effects, consume }
    },
  },
}

let worker = ''
beforeAll(async () => {
  worker = await bundled('test/integration/publish-once-brokers-worker.ts')
})

for (const [broker, { kind, open, copies, canBeAsked }] of Object.entries(cases)) {
  describe(`publishOnce to ${broker}, killed after the broker took the message`, () => {
    describeWith(kind, (url) => {
      async function sender(topic: string) {
        const directory = tidily(mkdtempSync(join(tmpdir(), 'onlyonce-sender-')), (path) =>
          rmSync(path, { recursive: true }),
        )
        const send = (method: 'state' | 'judgement', mode: 'dies' | 'lives'): Promise<unknown> => {
          const args = [worker, broker, url, topic, method, mode, directory]
          const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] })
          tidily(child, (one) => one.kill('SIGKILL'))
          return new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)))
        }
        const log = () => {
          const path = join(directory, 'log')
          return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : []
        }
        return { send, log }
      }

      /** Handles so many deliveries, and answers what they were. */
      async function consumed({ consume }: Place, count: number): Promise<readonly string[]> {
        const arrived: string[] = []
        consume((event) => {
          if (event.type !== 'settled') return
          const { id, body, headers, orderingKey } = event.delivery
          arrived.push(JSON.stringify([event.verdict.kind, id, Buffer.from(body).toString(), headers.a, orderingKey]))
        })
        await until(`${count} are settled`, () => arrived.length >= count)
        return arrived
      }

      async function expectOneEffect(place: Place, count: number): Promise<void> {
        const arrived = await consumed(place, count)
        expect(arrived).toHaveLength(count)
        const [effect = ''] = await place.effects()
        expect(effect).toMatch(/^[0-9a-f]{32}$/)
        expect(await place.effects()).toEqual([effect])
        const expected = JSON.stringify(['ack', effect, '{"order":"1100"}', 'b', 'order:1100'])
        expect(new Set(arrived)).toEqual(new Set([expected]))
      }

      it('by state: it is sent again under the same id, and takes effect once', LONG, async () => {
        const place = await open(url)
        const { send, log } = await sender(place.topic)
        expect(await send('state', 'dies')).toBe('SIGKILL')
        expect([log(), await place.stored?.()]).toEqual([[], place.stored && 1])
        expect(await send('state', 'lives')).toBe(0)
        expect([log(), await place.stored?.()]).toEqual([['sent', 'was there'], place.stored && copies])
        await expectOneEffect(place, copies)
      })

      if (!canBeAsked) return
      it('by judgement: the broker says that it is there, and it is not sent again', LONG, async () => {
        const place = await open(url)
        const { send, log } = await sender(place.topic)
        expect(await send('judgement', 'dies')).toBe('SIGKILL')
        expect([log(), await place.stored?.()]).toEqual([[], 1])
        expect(await send('judgement', 'lives')).toBe(0)
        expect([log(), await place.stored?.()]).toEqual([['was there', 'was there'], 1])
        await expectOneEffect(place, 1)
      })
    })
  })
}
