/** Runs in a process of its own: `worker.mjs URL TOPIC CHANCE`. Dies with that chance between producing and committing. */
import { Kafka, logLevel } from 'kafkajs'
import { type KafkaClient, transform } from '../../src/messaging/kafka.ts'

process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1'
const [url = '', topic = '', chance = '0'] = process.argv.slice(2)
const kafka = new Kafka({ clientId: 'worker', brokers: [url.replace('kafka://', '')], logLevel: logLevel.NOTHING })
const mortal: KafkaClient = {
  consumer: (config) => kafka.consumer(config),
  admin: () => kafka.admin(),
  producer(config) {
    const producer = kafka.producer(config)
    return {
      ...producer,
      async transaction() {
        const transaction = await producer.transaction()
        const commit = () => {
          if (Math.random() < Number(chance)) process.kill(process.pid, 'SIGKILL')
          return transaction.commit()
        }
        return { ...transaction, commit }
      },
    }
  },
}

transform({
  kafka: mortal,
  topic,
  groupId: `transform-${topic}`,
  transactionalId: `transform-${topic}`,
  batchSize: 5,
  consumer: { sessionTimeout: 2_000, heartbeatInterval: 200, maxWaitTimeInMs: 100, maxBytesPerPartition: 2_000 },
  handle: (message) => [{ topic: `${topic}-out`, body: `out of ${message.id}` }],
})
