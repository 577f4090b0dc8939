import type { Cluster as IoredisClusterClass, Redis } from 'ioredis'
import type { Redis as Valkey, Cluster as ValkeyClusterClass } from 'iovalkey'
import type { createClient, createCluster, createSentinel } from 'redis'
import { expectTypeOf, test } from 'vitest'
import type { Store, TransactionalStore } from '../../src/index.ts'
import { type RedisClient, type RedisStore, redisStore } from '../../src/stores/redis/index.ts'

test('the real clients fit our structural type', () => {
  expectTypeOf<Redis>().toExtend<RedisClient>()
  expectTypeOf<IoredisClusterClass>().toExtend<RedisClient>()
  expectTypeOf<Valkey>().toExtend<RedisClient>()
  expectTypeOf<ValkeyClusterClass>().toExtend<RedisClient>()
  expectTypeOf<ReturnType<typeof createClient>>().toExtend<RedisClient>()
  expectTypeOf<ReturnType<typeof createCluster>>().toExtend<RedisClient>()
  expectTypeOf<ReturnType<typeof createSentinel>>().toExtend<RedisClient>()
})

test('what is no client does not', () => {
  expectTypeOf<{ get(key: string): Promise<string> }>().not.toExtend<RedisClient>()
  expectTypeOf<Map<string, string>>().not.toExtend<RedisClient>()
})

test('the store is a store, and not transactional', () => {
  expectTypeOf(redisStore).toBeCallableWith({ client: {} as Redis, prefix: 'p', durability: { waitReplicas: 1 } })
  expectTypeOf<RedisStore>().toExtend<Store>()
  expectTypeOf<RedisStore>().not.toExtend<TransactionalStore<unknown>>()
})
