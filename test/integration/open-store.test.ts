import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { onlyonce } from '../../src/core/engine.ts'
import { openStore } from '../../src/stores/open.ts'
import { createProxy } from '../support/proxy.ts'
import { describeWith, type Kind } from '../support/services.ts'
import { until } from '../support/waiting.ts'

const unique = () => `t${randomBytes(6).toString('hex')}`

/** Where each test has its own: under a prefix, in a schema, in a database. */
const KINDS: readonly (readonly [kind: Kind, store: string, parameter: string])[] = [
  ['redis', 'redis', 'prefix'],
  ['redis-cluster', 'redis', 'prefix'],
  ['redis-sentinel', 'redis', 'prefix'],
  ['postgres', 'postgres', 'schema'],
  ['mysql', 'mysql', 'database'],
]

for (const [kind, name, parameter] of KINDS) {
  describeWith(kind, (url) => {
    it(`openStore opens ${url.replace(/:.*/, '')}: with its own client, and closes both`, async () => {
      const own = `${url}${url.includes('?') ? '&' : '?'}${parameter}=${unique()}`
      const store = await openStore(own)
      expect(store.name).toBe(name)
      const once = onlyonce({ store, scope: 'shop' })
      expect(await once('order:1', () => 'charged')).toBe('charged')
      expect(await once('order:1', () => 'charged again')).toBe('charged')
      await store[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
      await expect(store.find(['a'.repeat(32)])).rejects.toMatchObject({ code: 'CLOSED' })

      const again = await openStore(own)
      const [record] = (await again.list({ limit: 10 })).items
      expect(record).toMatchObject({ scope: 'shop', key: 'order:1', state: 'done' })
      await again[Symbol.asyncDispose]()
    })
  })
}

for (const kind of ['redis-cluster', 'redis-sentinel'] as const) {
  describeWith(kind, (url) => {
    it(`a client of ${kind} that has given up connects anew with the next command, until it is closed`, async () => {
      const [, scheme, port, rest = ''] = /^([^:]+:\/\/)[^:]+:(\d+)[^/]*(.*)$/.exec(url) ?? []
      const proxy = await createProxy(Number(port))
      const store = await openStore(`${scheme}127.0.0.1:${proxy.port}${rest}`)
      const find = () => store.find(['a'.repeat(32)])
      proxy.cut()
      await expect(find()).rejects.toThrow(`127.0.0.1:${proxy.port}`)
      proxy.resume()
      expect(await find()).toEqual([undefined])
      await store[Symbol.asyncDispose]()
      await until('its connections end', () => proxy.connections === 0)
      await proxy.close()
    })
  })
}

describe('openStore', () => {
  it.each([
    'redis://:secret@127.0.0.1:1/0',
    'redis+cluster://:secret@127.0.0.1:1',
    'redis+sentinel://:secret@127.0.0.1:1/mymaster',
    'postgres://me:secret@127.0.0.1:1/shop',
    'mysql://me:secret@127.0.0.1:1/shop',
  ])('tells in time that nobody is at %s, without the password', async (url) => {
    const store = await openStore(url)
    const once = onlyonce({ store, scope: 'shop', storeTimeoutMs: 2_000 })
    const error = await once('order:1', () => expect.fail('ran without a claim')).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(`${error} ${(error as Error).cause}`).not.toContain('secret')
    await store[Symbol.asyncDispose]()
  })
})
