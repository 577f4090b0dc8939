import pg from 'pg'
import { expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { postgresStore } from '../../src/stores/postgres/index.ts'
import { later, tidily } from '../support/leftovers.ts'
import { newSchema } from '../support/postgres.ts'
import { refusal } from '../support/rejections.ts'
import { describeWith } from '../support/services.ts'

describeWith('postgres', (url) => {
  it('a database that cannot hold every character is refused before anything is made there, and reported', async () => {
    const control = tidily(new pg.Pool({ connectionString: url, max: 1 }), (it) => it.end())
    const name = newSchema()
    await control.query(`CREATE DATABASE ${name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`)
    later(() => control.query(`DROP DATABASE ${name} WITH (FORCE)`))
    const own = new URL(url)
    own.pathname = `/${name}`
    const pool = tidily(new pg.Pool({ connectionString: own.href, max: 2 }), (it) => it.end())
    const store = tidily(postgresStore({ pool }), (it) => it[Symbol.asyncDispose]())
    const once = onlyonce({ store, scope: 'test' })
    for (const work of [() => once('key', () => {}), () => once.atomic('key', () => {}), () => store.migrate()]) {
      const error = await refusal(work())
      expect([error.code, error.message]).toEqual(['OPTION_INVALID', expect.stringMatching(/LATIN1.*UTF8/)])
    }
    const { ok, problems } = await store.check()
    expect([ok, problems[0]]).toEqual([false, expect.stringMatching(/LATIN1.*UTF8/)])
    expect((await pool.query("SELECT FROM pg_namespace WHERE nspname = 'onlyonce'")).rows).toEqual([])
  })
})
