/** Runs in a process of its own: `worker.mjs BROKER URL TOPIC METHOD MODE DIRECTORY`. Says what became of two calls. */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Publisher } from '../../src/core/publisher.ts'
import { onlyonce } from '../../src/index.ts'
import { publisher as toBullmq } from '../../src/messaging/bullmq.ts'
import { alreadyPublished as isInKafka, publisher as toKafka } from '../../src/messaging/kafka.ts'
import { alreadyPublished as isInNats, publisher as toNats } from '../../src/messaging/nats.ts'
import { publisher as toRabbit } from '../../src/messaging/rabbitmq.ts'
import { publisher as toStreams } from '../../src/messaging/redis-streams.ts'
import { publisher as toRocket } from '../../src/messaging/rocketmq.ts'
import { type PublishOnceOptions, publishOnce } from '../../src/outbox/outbox.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'

const [broker = '', url = '', topic = '', method = '', mode = '', directory = ''] = process.argv.slice(2)
const say = (line: string) => appendFileSync(join(directory, 'log'), `${line}\n`)

interface Side {
  readonly publish: Publisher
  readonly alreadyPublished?: PublishOnceOptions['alreadyPublished']
}

/** Only the client of one broker is loaded: a sender starts in a fifth of the time. */
const sides: Readonly<Record<string, () => Promise<Side>>> = {
  async rabbitmq() {
    const { connect } = await import('amqplib')
    return { publish: toRabbit({ connection: () => connect(url) }) }
  },
  async kafka() {
    const { Kafka, logLevel } = await import('kafkajs')
    const kafka = new Kafka({ brokers: [url.replace('kafka://', '')], logLevel: logLevel.NOTHING })
    const producer = () => kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
    return { publish: toKafka({ producer }), alreadyPublished: isInKafka({ kafka, topic, timeoutMs: 25_000 }) }
  },
  async nats() {
    const { connect, headers } = await import('@nats-io/transport-node')
    const { jetstream } = await import('@nats-io/jetstream')
    const client = jetstream(await connect({ servers: url.replace('nats://', '') }))
    const [stream = ''] = topic.split('.')
    // Here there is one key, and so one subject.
    const asking = isInNats({ jetstream: client, stream, subject: () => topic })
    return { publish: toNats({ jetstream: client, headers }), alreadyPublished: asking }
  },
  async 'redis-streams'() {
    const { Redis } = await import('ioredis')
    const client = new Redis(url)
    const alreadyPublished: Side['alreadyPublished'] = async (_key, { id }) => {
      const last = await client.xrevrange(topic, '+', '-', 'COUNT', 1_000)
      return last.some(([, fields]) => fields[fields.indexOf('id') + 1] === id)
    }
    return { publish: toStreams({ client }), alreadyPublished }
  },
  async rocketmq() {
    const { Producer } = await import('rocketmq-client-nodejs')
    const logger = { debug() {}, info() {}, warn() {}, error() {} }
    const producer = new Producer({ endpoints: new URL(url).host, namespace: '', logger, topic })
    await producer.startup()
    return { publish: toRocket({ producer, fifo: false }) }
  },
  async bullmq() {
    const { Queue } = await import('bullmq')
    const { Redis } = await import('ioredis')
    return { publish: toBullmq({ queue: new Queue(topic, { connection: new Redis(url) }) }) }
  },
}

const open = sides[broker]
if (open === undefined) throw new Error(`there is no broker ${broker}`)
const { publish, alreadyPublished } = await open()
const mortal: Publisher = async (batch) => {
  const results = await publish(batch)
  // The window of the article: the broker has it, and nobody has written it down.
  if (mode === 'dies' && results.every(({ ok }) => ok)) process.kill(process.pid, 'SIGKILL')
  return results
}
const store = sqliteStore({ path: join(directory, 'sender.db'), durability: 'normal', busyTimeoutMs: 20_000 })
const once = onlyonce({ store, scope: 'shop', leaseMs: 500, storeTimeoutMs: 20_000 })
const send =
  method === 'state'
    ? publishOnce({ publish: mortal, once, onInFlight: 'wait', waitMs: 30_000, publishTimeoutMs: 30_000 })
    : publishOnce({ publish: mortal, scope: 'shop', alreadyPublished, publishTimeoutMs: 30_000 } as PublishOnceOptions)

const message = { topic, body: { order: '1100' }, orderingKey: 'order:1100', headers: { a: 'b' } }
for (let call = 0; call < 2; call++) {
  const { duplicate } = await send('order:1100', message)
  say(duplicate ? 'was there' : 'sent')
}
// Clients of brokers would keep the process for seconds, each in its own way.
process.exit(0)
