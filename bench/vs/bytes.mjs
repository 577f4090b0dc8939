import { Redis } from 'ioredis'
import pg from 'pg'
import { usedMemory } from '../stores/growth.mjs'
import { each, effect, newKeys } from '../workload.mjs'
import { contestantsFor, openChecked } from './contestants.mjs'

/** Ways that need seconds for a thousand operations get this many times fewer. */
const FEWER = 20

/** What an operation leaves behind: `used_memory`, or the size of the database with indexes. @type {import('../sections.mjs').Section} */
export const bytes = {
  name: 'vs-bytes',
  table,
  cases: ({ servers, keys }) =>
    contestantsFor('bytes').map((one) => ({
      name: one.name,
      async measure() {
        const count = one.slow ? Math.ceil(keys / FEWER) : keys
        const { url } = await servers.get(one.on, one.on === 'redis' ? ['--hz', '100'] : [])
        const meter = one.on === 'redis' ? await redisMeter(url) : await postgresMeter(url)
        const entry = await openChecked(one, url)
        await each(newKeys(500), 32, (key) => entry.call(key, effect))
        const before = await meter.read()
        await each(newKeys(count), 256, (key) => entry.call(key, effect))
        const perOperation = ((await meter.read()) - before) / count
        await entry.close()
        await meter.close()
        return { on: one.on, count, perOperation }
      },
    })),
}

/** @param {string} url */
async function redisMeter(url) {
  const client = new Redis(url)
  await client.flushall('SYNC')
  return { read: () => usedMemory(client), close: async () => client.disconnect() }
}

/** @param {string} url */
async function postgresMeter(url) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const read = async () => Number((await client.query('SELECT pg_database_size(current_database()) AS n')).rows[0].n)
  return { read, close: () => client.end() }
}

/** @param {readonly { name: string, on: string, count: number, perOperation: number }[]} rows */
function table(rows) {
  return [
    '| way | server | operations | bytes each |',
    '| --- | --- | ---: | ---: |',
    ...rows.map(({ name, on, count, perOperation }) => {
      const server = on === 'redis' ? 'Redis' : 'PostgreSQL'
      return `| ${[name, server, count.toLocaleString('en'), perOperation.toFixed(0)].join(' | ')} |`
    }),
  ].join('\n')
}
