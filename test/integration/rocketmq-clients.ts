import { Producer, SimpleConsumer } from 'rocketmq-client-nodejs'
import { rocketmqOptions } from '../support/rocketmq.ts'
import { patiently } from '../support/round-trip.ts'

export async function openProducer(url: string, topic: string): Promise<Producer> {
  const producer = new Producer({ ...rocketmqOptions(url), topic })
  await patiently(() => producer.startup())
  return producer
}

export async function openConsumer(url: string, topic: string, consumerGroup: string): Promise<SimpleConsumer> {
  const subscriptions = new Map([[topic, '*']])
  // The proxy refuses to wait for less than 5 s.
  const group = { consumerGroup, subscriptions, awaitDuration: 5_000 }
  const consumer = new SimpleConsumer({ ...rocketmqOptions(url), ...group })
  await patiently(() => consumer.startup())
  return consumer
}
