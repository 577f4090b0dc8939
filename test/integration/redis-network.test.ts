import { expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { later } from '../support/leftovers.ts'
import { createProxy, type FaultProxy } from '../support/proxy.ts'
import { LIBRARIES, openClient } from '../support/redis.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { claimOf, clientOf, completionOf, granted, kindOf, portOf, storeOn } from './redis-helpers.ts'

describeWith('redis', (url) => {
  async function proxied(): Promise<FaultProxy> {
    const proxy = await createProxy(portOf(url))
    later(() => proxy.close())
    return proxy
  }

  it('a claim that the client sends twice, because its answer was lost, is granted once', async () => {
    const proxy = await proxied()
    const client = clientOf(proxy.port)
    const store = storeOn(client)
    await store.complete([completionOf(await granted(store, claimOf('warm')))])
    let sent = 0
    proxy.onRequest = (chunk) => {
      sent += chunk.includes('evalsha') || chunk.includes('EVALSHA') ? 1 : 0
      return undefined
    }
    proxy.dropReplies()
    const request = claimOf('order:1')
    const lease = await granted(store, request)
    expect(sent).toBe(2)
    const [record] = await store.find([request.id])
    expect(record).toMatchObject({ fence: lease.fence, attempt: 1, starts: 1 })
    sent = 0
    proxy.dropReplies()
    expect(await store.complete([completionOf(lease)])).toEqual(['ok'])
    expect(sent).toBe(2)
    expect(await kindOf(store, claimOf('order:1'))).toBe('done')
  })

  it('an effect runs once while every second answer is lost', async () => {
    const proxy = await proxied()
    const once = onlyonce({ store: storeOn(clientOf(proxy.port)), scope: 'orders' })
    // Of ours: a client that cannot even say hello proves nothing.
    let asked = false
    let answers = 0
    proxy.onRequest = (chunk) => {
      asked = /eval/i.test(chunk.toString('latin1'))
      return undefined
    }
    proxy.onReply = () => (asked && ++answers % 2 === 0 ? 'cut' : undefined)
    let effects = 0
    const keys = Array.from({ length: 6 }, (_, nth) => `order:${nth}`)
    for (const key of [...keys, ...keys]) {
      expect(
        await once(key, () => {
          effects++
          return key
        }),
      ).toBe(key)
    }
    expect(effects).toBe(6)
    expect(answers).toBeGreaterThan(18)
    await once.close()
  })

  it('a promise that the client never settles ends by our time limit, and the key is not lost', async () => {
    const proxy = await proxied()
    const silent = clientOf(proxy.port, { autoResendUnfulfilledCommands: false, maxRetriesPerRequest: null })
    const store = storeOn(silent, { commandTimeoutMs: 2_000 })
    await kindOf(store, claimOf('warm'))
    proxy.dropReplies(1)
    const request = claimOf('order:2')
    await expect(store.claim([request])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(await kindOf(store, claimOf('order:2'))).toBe('running')
    expect(await kindOf(store, request)).toBe('granted')
  })

  it('a server that says nothing ends every verb by the time limit, and the effect does not run', async () => {
    const proxy = await proxied()
    const store = storeOn(clientOf(proxy.port), { commandTimeoutMs: 1_500 })
    const lease = await granted(store, claimOf('order:3'))
    proxy.blackhole()
    const verbs = [
      store.claim([claimOf('order:4')]),
      store.renew([{ lease, leaseMs: 1_000, retentionMs: 1_000 }]),
      store.complete([completionOf(lease)]),
      store.release([lease]),
      store.find([lease.id]),
      store.list({ limit: 1 }),
      store.forget([lease.id]),
      store.inspect(),
    ]
    for (const one of await Promise.allSettled(verbs)) {
      expect(one).toMatchObject({ status: 'rejected', reason: { code: 'STORE_UNAVAILABLE' } })
    }
    const once = onlyonce({ store, scope: 's', storeTimeoutMs: 400 })
    let ran = false
    await expect(
      once('order:5', () => {
        ran = true
      }),
    ).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(ran).toBe(false)
    await once.close()
  })

  it('a claim that is granted after the time limit is given back: the effect never began', async () => {
    const proxy = await proxied()
    const once = onlyonce({ store: storeOn(clientOf(proxy.port), { commandTimeoutMs: 200 }), scope: 's' })
    await once('warm', () => 1)
    proxy.blackhole()
    await expect(once('order:9', () => expect.fail('it ran'))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    proxy.resume()
    const state = async () => (await once.find('order:9').catch(() => undefined))?.state
    await until('the release', async () => (await state()) === 'idle')
    expect(await once.attempt('order:9', ({ attempt }) => attempt)).toMatchObject({ value: 1 })
    await once.close()
  })

  it('so is one that is granted late, and then not replicated', async () => {
    const proxy = await proxied()
    const durability = { waitReplicas: 1, waitTimeoutMs: 1 }
    const once = onlyonce({ store: storeOn(clientOf(proxy.port), { commandTimeoutMs: 200, durability }), scope: 's' })
    const refused = () =>
      expect(once('order:10', () => expect.fail('it ran'))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await refused()
    const fence = async () => (await once.find('order:10').catch(() => undefined))?.fence ?? 0
    const state = async () => (await once.find('order:10').catch(() => undefined))?.state
    await until('the release', async () => (await state()) === 'idle')
    const before = await fence()
    proxy.blackhole()
    await refused()
    proxy.resume()
    await until('the late claim', async () => (await fence()) > before)
    await until('its release', async () => (await state()) === 'idle', 10_000)
    await once.close()
  })

  it('replies that the client hands to the callers of each other are never used', async () => {
    const client = clientOf(portOf(url))
    let held: { answer: Promise<unknown>; resolve(other: Promise<unknown>): void } | undefined
    let mixes = false
    const mixing = {
      isCluster: false,
      options: {},
      duplicate: () => client.duplicate(),
      callBuffer(command: string, args: (string | Buffer)[]) {
        const answer = client.callBuffer(command, args)
        if (!mixes) return answer
        const first = held
        held = undefined
        if (first === undefined) return new Promise<unknown>((resolve) => (held = { answer, resolve }))
        first.resolve(answer)
        return first.answer
      },
    }
    const [ann, bob] = ['ann', 'bob'].map((scope) => onlyonce({ store: storeOn(mixing), scope }))
    if (ann === undefined || bob === undefined) return expect.fail()
    for (const once of [ann, bob]) await once('k', () => 'a secret')
    const never = () => expect.fail('it ran')
    const mixed = async (...calls: (() => Promise<unknown>)[]) => {
      mixes = true
      const settled = await Promise.allSettled(calls.map((call) => call()))
      mixes = false
      for (const one of settled) expect(one).toMatchObject({ status: 'rejected', reason: { code: 'OUTCOME_UNKNOWN' } })
    }
    await mixed(
      () => ann('k', never),
      () => bob('k', never),
    )
    await mixed(
      () => ann.find('k'),
      () => bob.find('k'),
    )
    expect(await Promise.all([ann('k', never), bob('k', never)])).toEqual(['a secret', 'a secret'])
  })

  it('a server that is not there is STORE_UNAVAILABLE, and is used as soon as it is back', async () => {
    const proxy = await proxied()
    proxy.cut()
    const once = onlyonce({ store: storeOn(clientOf(proxy.port)), scope: 's', storeTimeoutMs: 400 })
    await expect(once('order:6', () => 1)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    proxy.resume()
    await until('the connection', () => once('order:7', () => 1).then(Boolean, () => false))
    await once.close()
  })

  it('a first execution costs two round trips, a duplicate one', async () => {
    const proxy = await proxied()
    const once = onlyonce({ store: storeOn(clientOf(proxy.port)), scope: 's' })
    await once('warm', () => 1)
    const count = async (work: () => Promise<unknown>) => {
      const before = proxy.roundTrips
      await work()
      return proxy.roundTrips - before
    }
    expect(await count(() => once('order:8', () => 1))).toBe(2)
    expect(await count(() => once('order:8', () => 1))).toBe(1)
    await once.close()
  })

  it('a batch of any size is one round trip', async () => {
    const proxy = await proxied()
    const store = storeOn(clientOf(proxy.port))
    await kindOf(store, claimOf('warm'))
    const before = proxy.roundTrips
    const outcomes = await store.claim(Array.from({ length: 200 }, (_, nth) => claimOf(`batch:${nth}`)))
    expect(outcomes.every(({ kind }) => kind === 'granted')).toBe(true)
    expect(proxy.roundTrips - before).toBeLessThanOrEqual(2)
  })

  it('callers that wait in another process are woken by the channel, and it is left when nobody waits', async () => {
    const own = storeOn(clientOf(portOf(url)), { prefix: 'waking' })
    const other = storeOn(clientOf(portOf(url)), { prefix: 'waking' })
    const spy = clientOf(portOf(url))
    const key = `order:${Math.random()}`
    const lease = await granted(own, claimOf(key))
    expect(await kindOf(other, claimOf(key))).toBe('running')
    let wakes = 0
    const stop = other.watch?.(lease.id, () => void wakes++)
    const listeners = async () => ((await spy.pubsub('NUMSUB', 'waking:wake')) as unknown[])[1]
    await until('the subscription', async () => (await listeners()) === 1 && wakes > 0)
    wakes = 0
    await own.complete([completionOf(lease)])
    await until('the wake', () => wakes > 0)
    stop?.()
    await other[Symbol.asyncDispose]()
    await until('the end of the subscription', async () => (await listeners()) === 0)
  })

  it.each(LIBRARIES)('a subscription that never stands holds up nobody who closes the store (%s)', async (library) => {
    const proxy = await proxied()
    const { client, close } = await openClient(library, `redis://127.0.0.1:${proxy.port}`)
    later(close)
    const store = storeOn(client)
    const lease = await granted(store, claimOf(`order:${library}`))
    const before = proxy.connections
    proxy.onRequest = (_chunk, connection) => (connection > before ? 'drop' : undefined)
    store.watch?.(lease.id, () => {})
    await until('the connection of the subscription', () => proxy.connections > before)
    await store[Symbol.asyncDispose]()
    await until('its end', () => proxy.connections === before)
  })
})
