// What people write by hand: a script that claims and one that completes, for a single key, or for a whole batch.
import { randomUUID } from 'node:crypto'
import { LEASE_MS, newKey, RETENTION_MS, resultJson } from '../../workload.mjs'
import { gather } from './gather.mjs'

const CLAIM = `if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return false end
return redis.call('GET', KEYS[1])`
const COMPLETE = `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`
const CLAIMS = `local known = {}
for i, key in ipairs(KEYS) do
  known[i] = redis.call('SET', key, ARGV[i + 1], 'NX', 'PX', ARGV[1]) or redis.call('GET', key)
end
return known`
const COMPLETIONS = `local done = {}
for i, key in ipairs(KEYS) do
  done[i] = redis.call('GET', key) == ARGV[2 * i] and redis.call('SET', key, ARGV[2 * i + 1], 'PX', ARGV[1])
end
return done`
const SIDE_BY_SIDE = 2

/** @param {import('ioredis').Redis} client */
export async function redisByHand(client) {
  const claimSha = String(await client.script('LOAD', CLAIM))
  const completeSha = String(await client.script('LOAD', COMPLETE))
  /** @param {string} script @param {number} ms */
  const gathered = async (script, ms) => {
    const sha = String(await client.script('LOAD', script))
    return gather(async (/** @type {readonly (readonly string[])[]} */ requests) => {
      const keys = requests.map(([key]) => /** @type {string} */ (key))
      const answers = await client.evalsha(
        sha,
        keys.length,
        ...keys,
        ms,
        ...requests.flatMap(([, ...values]) => values),
      )
      return /** @type {readonly unknown[]} */ (answers)
    }, SIDE_BY_SIDE)
  }
  const claims = await gathered(CLAIMS, LEASE_MS)
  const completions = await gathered(COMPLETIONS, RETENTION_MS)
  return {
    async gathered() {
      const key = `hand:${newKey()}`
      const owner = randomUUID()
      if ((await claims([key, owner])) !== 'OK') throw new Error(`${key} was not new`)
      if ((await completions([key, owner, resultJson])) !== 'OK') throw new Error(`${key} was lost`)
    },
    async run() {
      const key = `hand:${newKey()}`
      const owner = randomUUID()
      const known = await client.evalsha(claimSha, 1, key, owner, LEASE_MS)
      if (known !== null) throw new Error(`${key} was not new`)
      await client.evalsha(completeSha, 1, key, owner, resultJson, RETENTION_MS)
    },
    /** The minimum cost of a duplicate: its result is read and parsed. @param {string} key */
    async duplicate(key) {
      return JSON.parse((await client.get(key)) ?? 'null')
    },
    /** @param {string} key */
    remember: (key) => client.set(key, resultJson, 'PX', RETENTION_MS),
  }
}
