import type { OutboxMessage } from '../../core/store.ts'
import { ID_HEADER, ORDERING_KEY_HEADER } from '../headers.ts'
import type { KafkaMessage } from './client.ts'
import { partitionOf } from './partitioner.ts'

/** A message and the record made of it. */
export interface Outgoing {
  readonly message: OutboxMessage
  readonly record: KafkaMessage
}

/** The messages of one `send`: never empty, and all of one topic. */
export type Call = readonly Outgoing[]

/** The records of one call for one partition are one batch: at most 1 MiB, unless the topic says otherwise. */
const MOST_BYTES = 512 * 1_024

export const topicOf = (call: Call): string => call[0]?.message.topic ?? ''

/** Without partitions: one call per record key, because a key is in one partition, but two keys may be in two. */
export function callsByKey(batch: readonly OutboxMessage[]): readonly Call[] {
  const all = batch.map((message) => ({ message, record: recordOf(message) }))
  return grouped(all, ({ message, record }) => JSON.stringify([message.topic, record.key]))
}

/**
 * With partitions: one call per topic in each round. `counts`: the number of partitions of every topic. Records that
 * exceed one batch of a partition go into later rounds.
 */
export function roundsOf(
  batch: readonly OutboxMessage[],
  counts: ReadonlyMap<string, number>,
): readonly (readonly Call[])[] {
  const rounds: Outgoing[][] = []
  const filled = new Map<string, { round: number; bytes: number }>()
  for (const message of batch) {
    const plain = recordOf(message)
    const partition = partitionOf(keyOf(message), counts.get(message.topic) ?? 1)
    const place = JSON.stringify([message.topic, partition])
    const at = filled.get(place) ?? { round: 0, bytes: 0 }
    const bytes = lengthOf(plain)
    const fits = at.bytes === 0 || at.bytes + bytes <= MOST_BYTES
    const next = fits ? { round: at.round, bytes: at.bytes + bytes } : { round: at.round + 1, bytes }
    filled.set(place, next)
    rounds[next.round] ??= []
    rounds[next.round]?.push({ message, record: { ...plain, partition } })
  }
  return rounds.map((round) => grouped(round, ({ message }) => message.topic))
}

/**
 * Returns what to try separately of a call that Kafka refused for good: its partitions, which Kafka accepts or refuses
 * one by one, or the halves of a single partition.
 */
export function partsOf(call: Call): readonly Call[] {
  const partitions = grouped(call, ({ record }) => record.partition)
  if (partitions.length > 1) return partitions
  const middle = Math.ceil(call.length / 2)
  return [call.slice(0, middle), call.slice(middle)]
}

/**
 * With a key, the same message goes to the same partition on every attempt. Without one the client would choose anew
 * each time, which breaks the order and the sequence numbers of an idempotent producer.
 */
function recordOf(message: OutboxMessage): KafkaMessage {
  const { id, body, headers, orderingKey } = message
  const ordered = orderingKey === undefined ? {} : { [ORDERING_KEY_HEADER]: orderingKey }
  return { key: keyOf(message), value: Buffer.from(body), headers: { ...headers, ...ordered, [ID_HEADER]: id } }
}

const keyOf = ({ id, orderingKey }: OutboxMessage): string => orderingKey ?? id

function lengthOf({ key, value, headers }: KafkaMessage): number {
  const texts = [key, value, ...Object.entries(headers ?? {}).flat()]
  return texts.reduce<number>((sum, text) => sum + Buffer.byteLength((text ?? '') as string | Buffer) + 10, 0)
}

/** Groups items by key, in their order; groups are in the order of their first items. */
function grouped<Item>(items: readonly Item[], keyOf: (item: Item) => unknown): readonly (readonly Item[])[] {
  const groups = new Map<unknown, Item[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group === undefined) groups.set(keyOf(item), [item])
    else group.push(item)
  }
  return [...groups.values()]
}
