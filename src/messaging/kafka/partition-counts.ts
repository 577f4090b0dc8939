import { type Runtime, systemRuntime } from '../../core/runtime.ts'
import type { KafkaAdmin, KafkaClient } from './client.ts'
import { partitionsOf } from './partitions.ts'

const FRESH_MS = 60_000

/** Number of partitions of each topic, at most a minute old. */
export interface PartitionCounts {
  of(topic: string): Promise<number>
  /** Forgets the number: the next call asks Kafka. */
  forget(topic: string): void
  close(): Promise<void>
}

/** Connects its admin at the first call. */
export function createPartitionCounts(
  kafka: Pick<KafkaClient, 'admin'>,
  runtime: Runtime = systemRuntime,
): PartitionCounts {
  const known = new Map<string, { readonly count: number; readonly until: number }>()
  let connected: Promise<KafkaAdmin> | undefined

  async function connect(): Promise<KafkaAdmin> {
    const admin = kafka.admin()
    try {
      await admin.connect()
      return admin
    } catch (error) {
      connected = undefined
      await admin.disconnect().catch(() => {})
      throw error
    }
  }

  return {
    async of(topic) {
      const kept = known.get(topic)
      if (kept !== undefined && runtime.elapsed() < kept.until) return kept.count
      connected ??= connect()
      const count = await partitionsOf(await connected, topic)
      known.set(topic, { count, until: runtime.elapsed() + FRESH_MS })
      return count
    },
    forget: (topic) => void known.delete(topic),
    async close() {
      const closing = connected
      connected = undefined
      await closing?.then((admin) => admin.disconnect()).catch(() => {})
    },
  }
}
