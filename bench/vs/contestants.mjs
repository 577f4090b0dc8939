import { isDeepStrictEqual } from 'node:util'
import { each, newKey, newKeys, result } from '../workload.mjs'
import { bullmq } from './bullmq.mjs'
import { dbos } from './dbos.mjs'
import { nodeIdempotency } from './node-idempotency.mjs'
import { onlyonceOnPostgres } from './onlyonce-postgres.mjs'
import { onlyonceOnRedis } from './onlyonce-redis.mjs'
import { powertools } from './powertools.mjs'

/** @typedef {import('./contestant.mjs').Contestant} Contestant */

export const contestants = [
  ...onlyonceOnRedis,
  ...onlyonceOnPostgres,
  ...nodeIdempotency,
  ...powertools,
  ...bullmq,
  ...dbos,
]

/** Returns the contestants that take part in this section. @param {import('./contestant.mjs').Part} what */
export const contestantsFor = (what) => contestants.filter(({ only }) => only === undefined || only === what)

/** Opens a contestant, and checks that it runs an effect once. @param {Contestant} contestant @param {string} url */
export async function openChecked({ name, open }, url) {
  const entry = await open(url)
  let ran = 0
  const counted = async () => {
    ran++
    return result
  }
  const key = newKey()
  const first = await entry.call(key, counted)
  await entry.call(key, counted)
  if (ran !== 1) throw new Error(`${name} ran the effect ${ran} times`)
  if (!isDeepStrictEqual(first, result)) throw new Error(`${name} gave another result than the effect`)
  return entry
}

/** Returns keys whose effects ran. @param {import('./contestant.mjs').Entry} entry */
export async function settledKeys(entry) {
  const keys = newKeys()
  await each(keys, 32, (key) => entry.call(key, async () => result))
  return keys
}
