import { createClient, createCluster, createSentinel } from 'redis'
import { expect, it } from 'vitest'
import type { RedisClient } from './client.ts'
import { redisStore } from './index.ts'

it('a cluster client of node-redis that is not connected has no empty list', async () => {
  const client = { masters: [], sendCommand: () => {}, nodeClient: () => {} } as unknown as RedisClient
  const store = redisStore({ client })
  await expect(store.list({ limit: 1 })).rejects.toThrow('connect()')
  await expect(store.inspect()).rejects.toThrow('connect()')
})

it.each([
  ['client', () => createClient({ keyPrefix: 'shop:' })],
  ['cluster client', () => createCluster({ rootNodes: [], keyPrefix: 'shop:' })],
  [
    'sentinel client',
    () => createSentinel({ name: 'm', sentinelRootNodes: [{ host: 'h', port: 1 }], keyPrefix: 'shop:' }),
  ],
  ['client with bytes', () => createClient({ keyPrefix: Buffer.from('shop:') })],
])('a %s of node-redis with a keyPrefix is refused: it would not be added to our keys', (_, open) => {
  const client = open() as unknown as RedisClient
  expect(() => redisStore({ client })).toThrow(/must not have a keyPrefix.*shop:/)
})

it('an empty keyPrefix of node-redis is none', () => {
  redisStore({ client: createClient({ keyPrefix: '' }) as unknown as RedisClient })
})
