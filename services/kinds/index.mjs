import { kafka } from './kafka.mjs'
import { mysql } from './mysql.mjs'
import { nats } from './nats.mjs'
import { pgbouncer } from './pgbouncer.mjs'
import { postgres } from './postgres.mjs'
import { rabbitmq } from './rabbitmq.mjs'
import { redis, redisAof } from './redis.mjs'
import { redisCluster } from './redis-cluster.mjs'
import { redisSentinel } from './redis-sentinel.mjs'
import { rocketmq } from './rocketmq.mjs'

/** @type {Record<import('../launch.d.mts').Kind, import('../lib/recipe.mjs').Recipe>} */
export const kinds = {
  redis,
  'redis-aof': redisAof,
  'redis-cluster': redisCluster,
  'redis-sentinel': redisSentinel,
  postgres,
  pgbouncer,
  mysql,
  rabbitmq,
  nats,
  kafka,
  rocketmq,
}
