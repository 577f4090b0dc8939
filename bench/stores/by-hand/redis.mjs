// What one writes by hand: a script that claims and one that completes, for a single key each.
import { randomUUID } from 'node:crypto'
import { LEASE_MS, newKey, RETENTION_MS, resultJson } from '../../workload.mjs'

const CLAIM = `if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return false end
return redis.call('GET', KEYS[1])`
const COMPLETE = `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`

/** @param {import('ioredis').Redis} client */
export async function redisByHand(client) {
  const claimSha = String(await client.script('LOAD', CLAIM))
  const completeSha = String(await client.script('LOAD', COMPLETE))
  return {
    async run() {
      const key = `hand:${newKey()}`
      const owner = randomUUID()
      const known = await client.evalsha(claimSha, 1, key, owner, LEASE_MS)
      if (known !== null) throw new Error(`${key} was not new`)
      await client.evalsha(completeSha, 1, key, owner, resultJson, RETENTION_MS)
    },
    /** The least that a duplicate can cost: its result is read and parsed. @param {string} key */
    async duplicate(key) {
      return JSON.parse((await client.get(key)) ?? 'null')
    },
    /** @param {string} key */
    remember: (key) => client.set(key, resultJson, 'PX', RETENTION_MS),
  }
}
