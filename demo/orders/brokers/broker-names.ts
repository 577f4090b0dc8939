/** The values of `--broker`, with their names in the results. */
export const BROKERS = {
  embedded: 'a queue in a file',
  rabbitmq: 'RabbitMQ',
  kafka: 'Kafka',
  rocketmq: 'RocketMQ',
  nats: 'NATS JetStream',
  'redis-streams': 'Redis Streams',
  bullmq: 'BullMQ',
} as const

export type BrokerName = keyof typeof BROKERS

const ALIASES: Readonly<Record<string, BrokerName>> = { amqp: 'rabbitmq', amqps: 'rabbitmq', redis: 'redis-streams' }

/** Returns `undefined` for anything but `embedded` and the URL of a server. */
export function brokerNamed(broker: string): BrokerName | undefined {
  if (broker === 'embedded') return broker
  const scheme = /^([a-z-]+):\/\/./i.exec(broker)?.[1]?.toLowerCase() ?? ''
  const name = ALIASES[scheme] ?? scheme
  return name !== 'embedded' && Object.hasOwn(BROKERS, name) ? (name as BrokerName) : undefined
}
