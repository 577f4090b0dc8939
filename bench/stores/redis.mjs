import { Redis } from 'ioredis'
import { fingerprintOf } from 'onlyonce'
import { redisStore } from 'onlyonce/redis'
import { apart } from '../apart.mjs'
import { contest } from '../contest.mjs'
import { contestTable } from '../contest-table.mjs'
import { each, effect, newKey, newKeys, oneOf, order } from '../workload.mjs'
import { redisByHand } from './by-hand/redis.mjs'
import { onceOver, settled } from './ours.mjs'

const CACHE = { maxBytes: 64 * 2 ** 20, maxAgeMs: 60_000 }
const here = (/** @type {string} */ name, /** @type {unknown[]} */ ...args) => apart(import.meta.url, name, ...args)
/** Batching needs concurrent callers: with fewer there is nothing to gain. */
const goalAt = (/** @type {number} */ callers) => (callers >= 256 ? 1.5 : 0.9)

/** Every side has one connection of ioredis to the same server. @type {import('../sections.mjs').Section} */
export const redis = {
  name: 'redis',
  table: contestTable,
  cases: ({ servers, sliceMs }) => {
    /** @param {number} callers @param {(url: string) => Promise<import('../apart.mjs').Apart[]>} sides */
    const measure = async (callers, sides) => {
      const { url, pids } = await servers.get('redis')
      return contest(await sides(url), { callers, sliceMs, pids })
    }
    return [1, 16, 256].flatMap((callers) => [
      {
        name: `claim and complete, ${callers} callers`,
        measure: async () => ({
          goal: goalAt(callers),
          ...(await measure(callers, async (url) => [
            await here('handFirst', url),
            await here('handGathered', url),
            await here('ourFirst', url),
          ])),
        }),
      },
      {
        name: `duplicate, ${callers} callers`,
        measure: async () =>
          measure(callers, async (url) => [await here('handDuplicate', url), await here('ourDuplicate', url)]),
      },
      {
        name: `duplicate from the local cache, ${callers} callers`,
        measure: async () => ({
          goal: 0.75,
          against: 1,
          ...(await measure(callers, async (url) => [
            await here('handler', false),
            await here('handler', true),
            await here('ourDuplicate', url, { cache: CACHE }),
          ])),
        }),
      },
    ])
  },
}

/** @param {boolean} withPayload */
export function handler(withPayload) {
  const fingerprinted = () => {
    fingerprintOf(order)
    return effect()
  }
  return withPayload
    ? { what: 'the handler and a fingerprint of the payload', run: fingerprinted }
    : { what: 'the handler, which does nothing', run: effect }
}

/** @param {string} url */
export async function handFirst(url) {
  const client = new Redis(url)
  const { run } = await redisByHand(client)
  return { what: 'two EVALSHA by hand', run, close: () => client.disconnect() }
}

/** @param {string} url */
export async function handGathered(url) {
  const client = new Redis(url)
  const { gathered } = await redisByHand(client)
  return { what: 'the two by hand, gathered', run: gathered, close: () => client.disconnect() }
}

/** @param {string} url */
export async function handDuplicate(url) {
  const client = new Redis(url)
  const { duplicate, remember } = await redisByHand(client)
  const keys = newKeys().map((key) => `hand:${key}`)
  await each(keys, 64, remember)
  return {
    what: 'one GET by hand',
    run: (/** @type {number} */ n) => duplicate(oneOf(keys, n)),
    close: () => client.disconnect(),
  }
}

/** @param {string} url */
export async function ourFirst(url) {
  const client = new Redis(url)
  const once = onceOver(redisStore({ client, prefix: 'bench' }))
  return { what: '`once`', run: () => once(newKey(), effect), close: closing(once, client) }
}

/** @param {string} url @param {object} [options] */
export async function ourDuplicate(url, options) {
  const client = new Redis(url)
  const once = onceOver(redisStore({ client, prefix: 'bench' }), options)
  // The GET by hand compares no payload, so there ours has none; with the fingerprint baseline it has one.
  const payload = options === undefined ? undefined : order
  const keys = await settled(once, payload)
  const what = options === undefined ? '`once`' : '`once` with `cache`'
  const run = (/** @type {number} */ n) => once({ key: oneOf(keys, n), payload }, effect)
  return { what, run, close: closing(once, client) }
}

/** @param {ReturnType<typeof onceOver>} once @param {Redis} client */
function closing(once, client) {
  return async () => {
    await once.close()
    await once.store[Symbol.asyncDispose]()
    client.disconnect()
  }
}
