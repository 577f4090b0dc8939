import type { Processor as BullProcessor, Job, JobsOptions, Queue, Worker } from 'bullmq'
import type { Cluster as IoredisCluster, Redis } from 'ioredis'
import type { Redis as Valkey, Cluster as ValkeyCluster } from 'iovalkey'
import type { createClient, createCluster, createSentinel } from 'redis'
import { expectTypeOf, test } from 'vitest'
import type { Publisher } from '../../src/core/publisher.ts'
import type {
  BullJob,
  BullPublisherOptions,
  BullQueue,
  BullWorker,
  processor,
  publisher as toBull,
} from '../../src/messaging/bullmq.ts'
import type { RedisStreamsClient, publisher as toStreams } from '../../src/messaging/redis-streams.ts'

test('the real clients fit the shape that streams are read and written with', () => {
  expectTypeOf<Redis>().toExtend<RedisStreamsClient>()
  expectTypeOf<IoredisCluster>().toExtend<RedisStreamsClient>()
  expectTypeOf<Valkey>().toExtend<RedisStreamsClient>()
  expectTypeOf<ValkeyCluster>().toExtend<RedisStreamsClient>()
  expectTypeOf<ReturnType<typeof createClient>>().toExtend<RedisStreamsClient>()
  expectTypeOf<ReturnType<typeof createCluster>>().toExtend<RedisStreamsClient>()
  expectTypeOf<ReturnType<typeof createSentinel>>().toExtend<RedisStreamsClient>()
  expectTypeOf<{ get(key: string): Promise<string> }>().not.toExtend<RedisStreamsClient>()
})

test('jobs, queues and workers of BullMQ fit, whatever they carry', () => {
  expectTypeOf<Job>().toExtend<BullJob>()
  expectTypeOf<Job<{ a: number }, string, 'x'>>().toExtend<BullJob>()
  expectTypeOf<Queue>().toExtend<BullQueue>()
  expectTypeOf<Queue<{ a: number }>>().toExtend<BullQueue>()
  expectTypeOf<Worker>().toExtend<BullWorker>()
  expectTypeOf<ReturnType<typeof processor>>().toExtend<BullProcessor>()
})

test('both publish for a relay', () => {
  expectTypeOf<ReturnType<typeof toStreams>>().toEqualTypeOf<Publisher>()
  expectTypeOf<ReturnType<typeof toBull>>().toEqualTypeOf<Publisher>()
})

test("the job of a message may have any of BullMQ's options", () => {
  expectTypeOf<() => JobsOptions>().toExtend<BullPublisherOptions['job']>()
  const queue = {} as Queue
  const given = { queue, job: ({ topic }) => (topic === 'mails' ? { priority: 3 } : {}) } satisfies BullPublisherOptions
  expectTypeOf(given).toExtend<BullPublisherOptions>()
})
