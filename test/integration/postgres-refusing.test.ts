import pg from 'pg'
import { expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { oneStatement } from '../../src/stores/postgres/one-statement.ts'
import { later, tidily } from '../support/leftovers.ts'
import { testDatabase } from '../support/postgres.ts'
import { codeOf } from '../support/rejections.ts'
import { describeWith } from '../support/services.ts'

describeWith('postgres', (url) => {
  const ways = ['leased', 'atomic', 'one statement'] as const
  const spoilt = [
    ['that a failover made read-only', 'SET default_transaction_read_only = on'],
    ['whose prepared statements somebody removed', 'DEALLOCATE ALL'],
  ] as const
  it.each(spoilt.flatMap(([which, sql]) => ways.map((way) => [which, way, sql] as const)))(
    'connections %s are not kept (%s)',
    async (_, way, sql) => {
      const database = tidily(await testDatabase(url), (it) => it.close())
      const pool = tidily(new pg.Pool({ connectionString: url, max: 2 }), (it) => it.end())
      const store = database.store({ pool })
      later(() => store[Symbol.asyncDispose]())
      const once = onlyonce({ store, scope: 'test' })
      const effect = oneStatement(`UPDATE "${database.schema}".test_clock SET shift = shift`)
      const ask = (key: string): Promise<unknown> => {
        if (way === 'leased') return once(key, () => {})
        return once.atomic(key, way === 'atomic' ? () => {} : effect)
      }
      const eachConnection = async (sql: string) => {
        const both = await Promise.all([pool.connect(), pool.connect()])
        const answers = await Promise.all(both.map((client) => client.query(sql)))
        for (const client of both) client.release()
        return answers.map(({ rows }) => rows[0]?.pid)
      }
      const both = await Promise.all([pool.connect(), pool.connect()])
      for (const [index, client] of both.entries()) {
        client.release()
        await ask(`warm-${index}`)
        expect(await pool.connect()).toBe(client)
      }
      for (const client of both) client.release()
      const before = await eachConnection('SELECT pg_backend_pid() AS pid')
      await eachConnection(sql)
      // Each call that is refused costs one of them.
      for (let round = 0; round < 2; round++)
        expect(await codeOf(ask(`key-${round}`))).toMatch(/^(resolved|STORE_UNAVAILABLE)/)
      expect(await codeOf(ask('after'))).toMatch('resolved')
      const after = await eachConnection('SELECT pg_backend_pid() AS pid')
      expect(after.filter((pid) => before.includes(pid))).toEqual([])
    },
  )
})
