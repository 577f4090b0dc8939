import type { BrokerPlace } from './broker.ts'
import type { BrokerName } from './broker-names.ts'

/** Loaded on demand, so that only the client in use is needed. */
export const BROKER_PLACES: Readonly<Record<BrokerName, () => Promise<BrokerPlace>>> = {
  embedded: async () => (await import('./embedded.ts')).embedded,
  rabbitmq: async () => (await import('./rabbitmq.ts')).rabbitmq,
  kafka: async () => (await import('./kafka.ts')).kafka,
  rocketmq: async () => (await import('./rocketmq.ts')).rocketmq,
  nats: async () => (await import('./nats.ts')).nats,
  'redis-streams': async () => (await import('./redis-streams.ts')).redisStreams,
  bullmq: async () => (await import('./bullmq.ts')).bullmq,
}
