import pg from 'pg'
import { expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { later, tidily } from '../support/leftovers.ts'
import { testDatabase } from '../support/postgres.ts'
import { describeWith } from '../support/services.ts'

describeWith('postgres', (url) => {
  it.each(['leased', 'atomic'] as const)(
    'connections that a failover made read-only are not kept (%s)',
    async (way) => {
      const database = tidily(await testDatabase(url), (it) => it.close())
      const pool = tidily(new pg.Pool({ connectionString: url, max: 2 }), (it) => it.end())
      const store = database.store({ pool })
      later(() => store[Symbol.asyncDispose]())
      const once = onlyonce({ store, scope: 'test' })
      const ask = (key: string) => (way === 'leased' ? once(key, () => 1) : once.atomic(key, () => 1))
      await ask('warm')
      const eachConnection = async (sql: string) => {
        const both = await Promise.all([pool.connect(), pool.connect()])
        const answers = await Promise.all(both.map((client) => client.query(sql)))
        for (const client of both) client.release()
        return answers.map(({ rows }) => rows[0]?.pid)
      }
      const before = await eachConnection('SELECT pg_backend_pid() AS pid')
      await eachConnection('SET default_transaction_read_only = on')
      // Each call that is refused costs one of them.
      for (let round = 0; round < 2; round++) await ask(`key-${round}`).catch(() => {})
      expect(await ask('after')).toBe(1)
      const after = await eachConnection('SELECT pg_backend_pid() AS pid')
      expect(after.filter((pid) => before.includes(pid))).toEqual([])
    },
  )
})
