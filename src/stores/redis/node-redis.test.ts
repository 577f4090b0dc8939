import { expect, it } from 'vitest'
import type { RedisClient } from './client.ts'
import { redisStore } from './index.ts'

it('a cluster client of node-redis that is not connected has no empty list', async () => {
  const client = { masters: [], sendCommand: () => {}, nodeClient: () => {} } as unknown as RedisClient
  const store = redisStore({ client })
  await expect(store.list({ limit: 1 })).rejects.toThrow('connect()')
  await expect(store.inspect()).rejects.toThrow('connect()')
})
