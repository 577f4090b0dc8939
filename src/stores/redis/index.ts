import { type RedisStoreOptions, resolveRedisOptions } from './options.ts'
import { createRedisStore, type RedisStore } from './store.ts'

export type {
  IoredisClient,
  IoredisCluster,
  NodeRedisClient,
  NodeRedisCluster,
  NodeRedisSentinel,
  RedisClient,
} from './client.ts'
export type { RedisNodeReport, RedisReport } from './inspect.ts'
export type { RedisCompact, RedisDurability, RedisStoreOptions } from './options.ts'
export type { RedisStore } from './store.ts'

/**
 * Keeps records in Redis 5 or later, Valkey, Redis Cluster or behind Sentinel, through the caller's client, which the
 * store does not close. Leases are judged by the clock of Redis, and records expire by themselves.
 *
 * A fail-over may lose the newest claims, so that an effect runs twice, unless `durability` waits for replicas.
 * @throws OnlyonceError OPTION_INVALID
 */
export function redisStore(options: RedisStoreOptions): RedisStore {
  return createRedisStore(resolveRedisOptions(options))
}
