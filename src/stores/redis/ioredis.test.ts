import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import type { IoredisCluster, RedisClient } from './client.ts'
import { redisStore } from './index.ts'
import { ioredisPort } from './ioredis.ts'

const invalid = (client: object) => expect(() => redisStore({ client: client as RedisClient }))
const ioredis = { callBuffer: () => expect.fail('it was asked'), isCluster: false }

it.each([{ enableAutoPipelining: true }, { redisOptions: { enableAutoPipelining: true } }])(
  'a client of ioredis with %j is refused: it would end the process',
  (options) => {
    invalid({ ...ioredis, options }).toThrow('option `client` must not have enableAutoPipelining')
    invalid({ ...ioredis, options: { enableAutoPipelining: false } }).not.toThrow()
  },
)

/** A cluster client of ioredis: what it listens to. */
function clusterClient() {
  const heard = new Set<string>()
  const client = Object.assign(new EventEmitter(), {
    callBuffer: async () => 'OK',
    isCluster: true,
    nodes: () => [],
    subscribe: async (channel: string) => void heard.add(channel),
    unsubscribe: async (channel: string) => void heard.delete(channel),
  }) as unknown as IoredisCluster & EventEmitter
  return { client, heard }
}

it('two stores with one cluster client listen on for as long as one of them does', async () => {
  const { client, heard } = clusterClient()
  const listen = async (channel: string) => {
    const end = new AbortController()
    await ioredisPort(client).subscribe(channel, () => {}, end.signal)
    return () => end.abort()
  }
  const [first, second, other] = [await listen('a'), await listen('a'), await listen('b')]
  first()
  expect([...heard]).toEqual(['a', 'b'])
  second()
  expect([...heard]).toEqual(['b'])
  other()
  expect([...heard]).toEqual([])
  expect(client.listenerCount('message')).toBe(0)
})

it('a subscription that failed does not count', async () => {
  const { client, heard } = clusterClient()
  const [failed, listening] = [new AbortController(), new AbortController()]
  const { subscribe } = client
  client.subscribe = async () => Promise.reject(new Error('down'))
  await expect(ioredisPort(client).subscribe('a', () => {}, failed.signal)).rejects.toThrow('down')
  client.subscribe = subscribe
  await ioredisPort(client).subscribe('a', () => {}, listening.signal)
  failed.abort()
  expect([...heard]).toEqual(['a'])
  listening.abort()
  expect([...heard]).toEqual([])
})
