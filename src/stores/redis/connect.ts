import { invalidKind } from '../../core/option-rules.ts'
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
  const has = (name: string) => typeof (Object(client) as Record<string, unknown>)[name] === 'function'
  if (has('callBuffer')) return ioredisPort(client as IoredisClient | IoredisCluster)
  if (has('sendCommand') && has('nodeClient')) return nodeRedisClusterPort(client as NodeRedisCluster)
  if (has('sendCommand') && has('acquire')) return nodeRedisSentinelPort(client as NodeRedisSentinel)
  if (has('sendCommand') && has('duplicate')) return nodeRedisPort(client as NodeRedisClient)
  // The client is not printed: it holds its password.
  throw invalidKind('client', 'must be a client of ioredis, node-redis or iovalkey', client)
}
