import { invalidKind, invalidOption } from '../../core/option-rules.ts'
import type {
  IoredisClient,
  IoredisCluster,
  NodeRedisClient,
  NodeRedisCluster,
  NodeRedisSentinel,
  RedisClient,
} from './client.ts'
import { ioredisPort } from './ioredis.ts'
import { nodeRedisClusterPort, nodeRedisPort, nodeRedisSentinelPort } from './node-redis.ts'
import type { RedisPort } from './port.ts'

/**
 * Recognises the client by its methods and returns its port.
 * @throws OnlyonceError OPTION_INVALID
 */
export function portOf(client: RedisClient): RedisPort {
  refuseKeyPrefix(client)
  const has = (name: string) => typeof (Object(client) as Record<string, unknown>)[name] === 'function'
  if (has('callBuffer')) return ioredisPort(client as IoredisClient | IoredisCluster)
  if (has('sendCommand') && has('nodeClient')) return nodeRedisClusterPort(client as NodeRedisCluster)
  if (has('sendCommand') && has('acquire')) return nodeRedisSentinelPort(client as NodeRedisSentinel)
  if (has('sendCommand') && has('duplicate')) return nodeRedisPort(client as NodeRedisClient)
  // The client is not printed: it holds its password.
  throw invalidKind('client', 'must be a client of ioredis, node-redis or iovalkey', client)
}

interface Prefixed {
  readonly keyPrefix?: unknown
}

/**
 * ioredis would add it to the keys of a script, but not to the pattern of a SCAN; node-redis adds it to nothing that is
 * sent as we send it, so that stores it should keep apart would share their records.
 */
function refuseKeyPrefix(client: RedisClient): void {
  const { options, _keyPrefix } = Object(client) as {
    readonly options?: Prefixed & { readonly redisOptions?: Prefixed }
    /** Of node-redis, whose cluster and sentinel clients do not show their options. */
    readonly _keyPrefix?: unknown
  }
  const prefix = String(options?.keyPrefix || options?.redisOptions?.keyPrefix || _keyPrefix || '')
  if (prefix === '') return
  throw invalidOption('client', 'must not have a keyPrefix: give the prefix to redisStore instead', prefix)
}
