import pg from 'pg'
import { expect, it } from 'vitest'
import { operationId } from '../../src/core/key.ts'
import { onlyonce } from '../../src/index.ts'
import { postgresStore } from '../../src/stores/postgres/index.ts'
import { later, tidily } from '../support/leftovers.ts'
import { newSchema, testDatabase } from '../support/postgres.ts'
import { failure, refusal } from '../support/rejections.ts'
import { describeWith } from '../support/services.ts'

describeWith('postgres', (url) => {
  it('a database that cannot hold every character is refused before anything is made there, and reported', async () => {
    const control = tidily(new pg.Pool({ connectionString: url, max: 1 }), (it) => it.end())
    const name = newSchema()
    await control.query(`CREATE DATABASE ${name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`)
    // Without FORCE: it would end what the pool's `end()` does not wait for, which an ended pool throws. The server waits.
    later(() => control.query(`DROP DATABASE ${name}`))
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

  it('says whose table it is where a schema has migrations of something else', async () => {
    const database = tidily(await testDatabase(url), (it) => it.close())
    await database.sql(`CREATE TABLE "${database.schema}".migrations (id serial, "timestamp" bigint, name text)`)
    const store = database.store()
    for (const work of [() => store.migrate(), () => store.check(), () => store.find([operationId('test', 'key')])])
      expect(await failure(work())).toMatchObject({
        code: 'OPTION_INVALID',
        message: expect.stringMatching(/table `migrations` .* not of onlyonce.*: give it a `schema` of its own/),
      })
  })

  it('says what who migrates has to be granted: more than the application', async () => {
    const schema = newSchema()
    const role = `${schema}_deploy`
    const control = tidily(new pg.Pool({ connectionString: url, max: 1 }), (it) => it.end())
    await control.query(`CREATE ROLE ${role}`)
    later(() => control.query(`DROP OWNED BY ${role} CASCADE; DROP ROLE ${role}`))
    const pool = tidily(new pg.Pool({ connectionString: url, options: `-c role=${role}` }), (it) => it.end())
    const store = tidily(postgresStore({ pool, schema }), (it) => it[Symbol.asyncDispose]())
    const { message } = await failure(store.migrate())
    const [, more = 'nothing'] = /to who migrates also ([A-Z]+) on the database/.exec(message) ?? []
    const [{ name }] = (await control.query('SELECT current_database() AS name')).rows
    await control.query(`GRANT ${more} ON DATABASE ${name} TO ${role}`)
    expect(await store.migrate()).toMatchObject({ from: 0, to: 1 })
  })

  it('a migration that was given up leaves no open transaction on a connection of the pool', async () => {
    const schema = newSchema()
    const other = tidily(new pg.Client({ connectionString: url }), (it) => it.end())
    await other.connect()
    later(() => other.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`))
    await other.query('BEGIN')
    await other.query('SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0))', [`onlyonce ${schema}`])
    const pool = tidily(new pg.Pool({ connectionString: url, max: 1, query_timeout: 300 }), (it) => it.end())
    const store = tidily(postgresStore({ pool, schema }), (it) => it[Symbol.asyncDispose]())
    await expect(store.migrate()).rejects.toThrow(/read timeout/)
    await new Promise((over) => setTimeout(over, 700))
    await other.query('COMMIT')
    const [connection] = (await pool.query('SELECT pg_backend_pid() AS pid')).rows
    const { rows } = await other.query('SELECT state FROM pg_stat_activity WHERE pid = $1', [connection.pid])
    expect(rows).toEqual([{ state: 'idle' }])
    expect((await store.migrate()).from).toBe(0)
  })
})
