import type { KafkaSender } from './client.ts'
import { placeOf } from './partition.ts'

/**
 * Whether Kafka has confirmed what was sent to a partition. kafkajs also resolves when it has left a partition out: one
 * that is newer than its producer's metadata, or one that moved, between two attempts, to a broker that had already
 * answered for others.
 */
export const isConfirmed = (stored: Awaited<ReturnType<KafkaSender['send']>>, partition: number): boolean =>
  stored.some((one) => one.partition === partition)

export const leftOut = (topic: string, partition: number): Error =>
  new Error(`kafkajs has left out the records for ${placeOf({ topic, partition })}: another producer has to send them`)
