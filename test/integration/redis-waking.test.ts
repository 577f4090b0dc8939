import { Redis } from 'ioredis'
import type { createClient, createCluster } from 'redis'
import { expect, it, vi } from 'vitest'
import { later } from '../support/leftovers.ts'
import { newPrefix, openClient } from '../support/redis.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { claimOf, storeOn } from './redis-helpers.ts'

const { id } = claimOf('k')

/** Stops waiting while the subscription is being made, and waits until it is made. */
async function giveUpAtOnce(open: Awaited<ReturnType<typeof openClient>>, prefix: string, made: () => unknown) {
  const store = storeOn(open.client, { prefix })
  store.watch?.(id, () => {})()
  await store[Symbol.asyncDispose]()
  await made()
}

describeWith('redis', (url) => {
  it('node-redis: a connection that is given up while it is being made is closed', async () => {
    const open = await openClient('node-redis', url)
    later(open.close)
    const client = open.client as unknown as ReturnType<typeof createClient>
    const own = client.duplicate()
    later(async () => own.isReady && own.destroy())
    vi.spyOn(client, 'duplicate').mockReturnValue(own)
    const connect = vi.spyOn(own, 'connect')
    await giveUpAtOnce(open, newPrefix(), () => connect.mock.results[0]?.value.catch(() => {}))
    await until('it is closed', () => !own.isReady, 5_000)
  })
})

const portsOf = (url: string) => [...url.matchAll(/:(\d+)/g)].map((match) => Number(match[1]))

async function subscribers(ports: readonly number[], channel: string): Promise<number> {
  const counts = await Promise.all(
    ports.map(async (port) => {
      const node = new Redis(port)
      const [, count] = await node.pubsub('NUMSUB', channel)
      node.disconnect()
      return Number(count)
    }),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}

async function mastersOf(url: string): Promise<readonly number[]> {
  if (!url.includes('sentinel')) return portsOf(url)
  const sentinel = new Redis(portsOf(url)[0] as number)
  const [, port] = (await sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'mymaster')) as [string, string]
  sentinel.disconnect()
  return [Number(port)]
}

for (const kind of ['redis-cluster', 'redis-sentinel'] as const) {
  describeWith(kind, (url) => {
    it(`node-redis, ${kind}: a channel that is given up while it is being subscribed to is left`, async () => {
      const open = await openClient('node-redis', url)
      later(open.close)
      const client = open.client as unknown as ReturnType<typeof createCluster>
      const subscribe = vi.spyOn(client, 'subscribe')
      const prefix = newPrefix()
      const masters = await mastersOf(url)
      await giveUpAtOnce(open, prefix, () => Promise.all(subscribe.mock.results.map(({ value }) => value)))
      expect(subscribe).toHaveBeenCalledOnce()
      await until('it is left', async () => (await subscribers(masters, `${prefix}:wake`)) === 0, 5_000)
    })
  })
}
