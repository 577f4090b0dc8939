import type { Redis } from 'ioredis'
import { expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import type { RedisStore } from '../../src/stores/redis/index.ts'
import { resolveRedisOptions } from '../../src/stores/redis/options.ts'
import { createRedisStore } from '../../src/stores/redis/store.ts'
import { later } from '../support/leftovers.ts'
import { newPrefix } from '../support/redis.ts'
import { describeWith, describeWithFresh } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { claimOf, clientOf, completionOf, granted, kindOf, portOf, storeOn } from './redis-helpers.ts'

async function completeMany(store: RedisStore, count: number, name: string): Promise<void> {
  for (let first = 0; first < count; first += 500) {
    const requests = Array.from({ length: Math.min(500, count - first) }, (_, nth) => claimOf(`${name}-${first + nth}`))
    const outcomes = await store.claim(requests)
    const leases = outcomes.flatMap((one) => (one.kind === 'granted' ? [one.lease] : []))
    await store.complete(leases.map((lease) => completionOf(lease)))
  }
}

const usedMemory = async (client: Redis) => Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1])

async function buckets(client: Redis, prefix: string): Promise<string[]> {
  const keys = await client.keys(`${prefix}:*`)
  return keys.filter((key) => /:\d+:\d+$/.test(key))
}

describeWithFresh('redis', (start) => {
  it('a completed operation takes less than 30 bytes, in listpacks only', async () => {
    const { processes, stop } = await start()
    later(stop)
    const client = clientOf(processes[0]?.port as number)
    const count = 100_000
    // An epoch is half a retention, and the test is over within one.
    const store = storeOn(client, { prefix: 'c', compact: { retentionMs: 86_400_000, keys: count * 2 } })
    await completeMany(store, 500, 'warm')
    const before = await usedMemory(client)
    await completeMany(store, count, 'key')
    const bytes = ((await usedMemory(client)) - before) / count
    expect(bytes).toBeGreaterThan(18)
    expect(bytes).toBeLessThan(30)
    for (const key of (await buckets(client, 'c')).slice(0, 200)) {
      expect(await client.object('ENCODING', key)).toBe('listpack')
      expect(await client.hlen(key)).toBeLessThanOrEqual(128)
    }
    expect(await kindOf(store, claimOf('key-77'))).toBe('done')
  }, 60_000)

  it('what is completed can be forgotten while memory is full', async () => {
    const { processes, stop } = await start({ args: ['--maxmemory-policy', 'noeviction'] })
    later(stop)
    const client = clientOf(processes[0]?.port as number)
    const store = storeOn(client, { compact: true })
    const requests = [claimOf('a'), claimOf('b'), claimOf('kept')]
    const leases = await Promise.all(requests.map((request) => granted(store, request)))
    await store.complete(leases.map((lease) => completionOf(lease)))
    await client.config('SET', 'maxmemory', '1')
    const forgotten = leases.slice(0, 2).map(({ id }) => id)
    expect(await store.forget(forgotten)).toBe(2)
    expect(await store.find(forgotten)).toEqual([undefined, undefined])
    await client.config('SET', 'maxmemory', '0')
    expect(await kindOf(store, claimOf('a'))).toBe('granted')
    expect(await kindOf(store, claimOf('kept'))).toBe('done')
  })
})

describeWith('redis', (url) => {
  it('a duplicate gets undefined, an error is remembered, and the effect runs once', async () => {
    const store = storeOn(clientOf(portOf(url)), { compact: true })
    const once = onlyonce({ store, scope: 's', onThrow: 'remember' })
    let effects = 0
    const effect = () => ++effects
    expect(await once('a', effect)).toBe(1)
    expect(await once('a', effect)).toBe(undefined)
    expect(effects).toBe(1)
    const fails = () => {
      throw new Error('declined')
    }
    await expect(once('b', fails)).rejects.toThrow('declined')
    await expect(once('b', effect)).rejects.toThrow('declined')
    expect(await once.find('a')).toMatchObject({ state: 'done' })
    expect(await once.forget('a')).toBe(true)
    expect(await once('a', effect)).toBe(2)
    await once.close()
  })

  it('a completion that is repeated is ok, and one of somebody else is lost', async () => {
    const store = storeOn(clientOf(portOf(url)), { compact: true })
    const slow = await granted(store, claimOf('a', { leaseMs: 1 }))
    await until('it', () => kindOf(store, claimOf('a', { owner: 'the other one' })).then((kind) => kind === 'granted'))
    const [record] = await store.find([slow.id])
    const fast = { id: slow.id, owner: 'the other one', fence: record?.fence as number }
    expect(await store.complete([completionOf(fast)])).toEqual(['ok'])
    expect(await store.complete([completionOf(fast)])).toEqual(['ok'])
    expect(await store.complete([completionOf(slow)])).toEqual(['lost'])
    expect(await store.release([fast])).toEqual(['lost'])
  })

  it('far more keys than expected stay right, in more buckets of the same size', async () => {
    const client = clientOf(portOf(url))
    const prefix = newPrefix()
    const store = storeOn(client, { prefix, compact: { keys: 2 } })
    await completeMany(store, 1_000, 'key')
    const sizes = await Promise.all((await buckets(client, prefix)).map((key) => client.hlen(key)))
    expect(Math.max(...sizes)).toBe(128)
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(1_000)
    const again = await store.claim(Array.from({ length: 1_000 }, (_, nth) => claimOf(`key-${nth}`)))
    expect(new Set(again.map(({ kind }) => kind))).toEqual(new Set(['done']))
    expect(await kindOf(store, claimOf('key-1000'))).toBe('granted')
  })

  it('what is forgotten is new, and nothing else is, however many buckets it shares with others', async () => {
    const client = clientOf(portOf(url))
    const prefix = newPrefix()
    const store = storeOn(client, { prefix, compact: { keys: 2 } })
    await completeMany(store, 600, 'key')
    const forgotten = ['key-0', 'key-100', 'key-400', 'key-599'].map((key) => claimOf(key))
    expect(await store.forget(forgotten.map(({ id }) => id))).toBe(4)
    expect(await store.forget(forgotten.map(({ id }) => id))).toBe(0)
    expect(await store.find(forgotten.map(({ id }) => id))).toEqual(Array(4).fill(undefined))
    const again = await store.claim(Array.from({ length: 600 }, (_, nth) => claimOf(`key-${nth}`)))
    expect(again.filter(({ kind }) => kind === 'done')).toHaveLength(596)
    const leases = again.flatMap((one) => (one.kind === 'granted' ? [one.lease] : []))
    expect(leases.map(({ id }) => id)).toEqual(forgotten.map(({ id }) => id))
    expect(await store.complete(leases.map((lease) => completionOf(lease)))).toEqual(Array(4).fill('ok'))
    expect(await kindOf(store, claimOf('key-100'))).toBe('done')
  })

  it('an operation is known for its retention and half as long again at most, then it is new and nothing is left', async () => {
    const client = clientOf(portOf(url))
    const prefix = newPrefix()
    const store = storeOn(client, { prefix, compact: { retentionMs: 600 } })
    const claim = (owner: string) => claimOf('a', { owner, retentionMs: 600 })
    const lease = await granted(store, claim('one'))
    const completing = performance.now()
    await store.complete([completionOf(lease)])
    await until('the end of the retention', async () => (await store.find([lease.id]))[0] === undefined)
    expect(performance.now() - completing).toBeGreaterThan(590)
    expect(await client.keys(`${prefix}:*`)).toEqual([])
    expect(await kindOf(store, claim('two'))).toBe('granted')
  })

  it('what was completed is known to a clock that is set back to before the epoch it was completed in', async () => {
    const [retentionMs, epochMs] = [60_000, 30_000]
    let clock = 50_000_000 * epochMs + 5
    const client = clientOf(portOf(url))
    const store = createRedisStore(
      resolveRedisOptions({ client, prefix: newPrefix(), compact: { retentionMs } }),
      () => clock,
    )
    later(() => store[Symbol.asyncDispose]())
    const lease = await granted(store, claimOf('a'))
    await store.complete([completionOf(lease)])
    clock -= 10
    expect(await kindOf(store, claimOf('a'))).toBe('done')
    expect(await store.complete([completionOf(lease)])).toEqual(['ok'])
    const [record] = await store.find([lease.id])
    expect(record).toMatchObject({ state: 'done', leaseUntil: clock, readAt: clock })
    expect(await store.forget([lease.id])).toBe(1)
    expect(await kindOf(store, claimOf('a'))).toBe('granted')
  })

  it('a retention longer than that of the store is refused before the effect runs', async () => {
    const store = storeOn(clientOf(portOf(url)), { compact: { retentionMs: 1_000 } })
    await expect(store.claim([claimOf('a')])).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    for (const compact of [1, null, { key: 1 }, { keys: 0 }, { retentionMs: 1.5 }] as never[]) {
      expect(() => storeOn(clientOf(portOf(url)), { compact })).toThrow('option `compact')
    }
  })
})
