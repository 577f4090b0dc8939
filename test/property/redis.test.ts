import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Store } from '../../src/core/store.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { resolveRedisOptions } from '../../src/stores/redis/options.ts'
import { createRedisStore } from '../../src/stores/redis/store.ts'
import { fakeRuntime } from '../../src/testing/index.ts'
import { newPrefix, openClient } from '../support/redis.ts'
import { describeWith } from '../support/services.ts'
import { type Call, call, createPerform } from './batches.ts'
import { ops, runScript, type Seen } from './store-model.ts'

describeWith('redis', (url) => {
  it('gives only answers that the model explains, whatever the order of requests, and meets every kind of them', async () => {
    const { client, close } = await openClient('ioredis', url)
    const seen: Seen = new Map()
    const property = fc.asyncProperty(ops, async (script) => {
      const runtime = fakeRuntime()
      const options = resolveRedisOptions({ client, prefix: newPrefix() })
      const store = createRedisStore(options, () => runtime.now())
      // Nothing expires by a given clock: what the server would have removed is removed here.
      const sweep = async () => {
        const ids = ['a', 'b'].map((letter) => letter.repeat(32))
        const known = await store.find(ids)
        return store.forget(ids.filter((_, nth) => known[nth] === undefined))
      }
      await runScript({ store: { ...store, sweep }, runtime, close: () => store[Symbol.asyncDispose]() }, script, seen)
      await store[Symbol.asyncDispose]()
    })
    await fc.assert(property, { numRuns: Number(process.env.ONLYONCE_PROPERTY_RUNS ?? 200) })
    const met = ['granted', 'done', 'running', 'mismatch'].map((kind) => `claim ${kind}`)
    for (const verb of ['renew', 'complete', 'release']) met.push(`${verb} ok`, `${verb} lost`)
    for (const what of [...met, 'takeover', 'repeat']) expect(seen.get(what) ?? 0, what).toBeGreaterThan(0)
    await close()
  }, 120_000)

  it('gives the same answers as the memory store to the same batches at the same time', async () => {
    const { client, close } = await openClient('ioredis', url)
    const property = fc.asyncProperty(fc.array(call, { maxLength: 30 }), async (calls) => {
      const runtime = fakeRuntime()
      const memory = memoryStore({ runtime })
      const prefix = newPrefix()
      const open = (): Store => createRedisStore(resolveRedisOptions({ client, prefix }), () => runtime.now())
      let redis = open()
      const [performMemory, performRedis] = [createPerform(), createPerform()]
      for (const one of calls) {
        if (one.verb === 'advance') await runtime.advance(one.ms)
        if (one.verb === 'restart') {
          await redis[Symbol.asyncDispose]()
          redis = open()
        }
        const expected = await performMemory(memory, one)
        expect(comparable(one, await performRedis(redis, one))).toEqual(comparable(one, expected))
      }
      await redis[Symbol.asyncDispose]()
    })
    await fc.assert(property, { numRuns: Number(process.env.ONLYONCE_PROPERTY_RUNS ?? 150) })
    await close()
  }, 120_000)
})

/**
 * What must be equal: a store that expires by itself does not count what is over, and the memory store keeps one floor
 * for the fences of all operations where Redis keeps one for each.
 */
function comparable({ verb }: Call, answer: unknown): unknown {
  if (verb === 'sweep' || verb === 'forget') return undefined
  const replacer = function (this: Record<string, unknown>, name: string, value: unknown): unknown {
    // Before `toJSON` of a Buffer had its say.
    const given = this[name]
    if (given instanceof Uint8Array) return Buffer.from(given).toString('hex')
    return name === 'fence' ? 'a fence' : value
  }
  return JSON.parse(JSON.stringify(answer ?? null, replacer))
}
