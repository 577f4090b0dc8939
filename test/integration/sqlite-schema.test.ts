import { existsSync } from 'node:fs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { planMigration } from '../../src/stores/sql/schema.ts'
import { sqliteMigrations, sqliteStore } from '../../src/stores/sqlite/index.ts'
import { request } from '../support/claims.ts'
import { all, granted, rawDatabase, storeOn, tempFile, value } from './sqlite-helpers.ts'

const LATEST = 1

afterEach(() => vi.unstubAllEnvs())

describe('migrations', () => {
  it('are numbered from 1 without a gap, and planned from any version', () => {
    expect(sqliteMigrations.map(({ version }) => version)).toEqual([1])
    expect(planMigration(sqliteMigrations, 0)).toMatchObject({ from: 0, to: LATEST })
    expect(planMigration(sqliteMigrations, 0).statements.length).toBeGreaterThan(5)
    expect(planMigration(sqliteMigrations, LATEST)).toEqual({ from: LATEST, to: LATEST, statements: [] })
  })

  it('are told by dryRun, which creates nothing, and then done once', async () => {
    const path = tempFile()
    const store = storeOn(path, { migrate: 'check' })
    const told = await store.migrate({ dryRun: true })
    expect(told).toEqual(planMigration(sqliteMigrations, 0))
    expect(existsSync(path)).toBe(false)
    expect(await store.check()).toMatchObject({ version: 0, expected: LATEST, ok: false })
    expect(existsSync(path)).toBe(false)
    expect(await store.migrate()).toEqual(told)
    expect(await store.migrate({ dryRun: true })).toEqual({ from: LATEST, to: LATEST, statements: [] })
    expect(await store.migrate()).toEqual({ from: LATEST, to: LATEST, statements: [] })
    expect(await store.check()).toEqual({ version: LATEST, expected: LATEST, ok: true, problems: [] })
    granted((await store.claim([request('a')]))[0])
  })

  it('make a schema that is in order, whoever runs the statements', async () => {
    const path = tempFile()
    const store = storeOn(path, { migrate: 'check' })
    const db = await rawDatabase(path)
    for (const { statements } of store.migrations) for (const sql of statements) db.exec(sql)
    expect(await store.check()).toEqual({ version: LATEST, expected: LATEST, ok: true, problems: [] })
    granted((await store.claim([request('a')]))[0])
  })

  it('of several stores at once are done once', async () => {
    const path = tempFile()
    const plans = await Promise.all(Array.from({ length: 5 }, () => storeOn(path).migrate()))
    expect(plans.filter(({ from }) => from === 0)).toHaveLength(1)
  })

  it('that fail half-way leave nothing', async () => {
    const path = tempFile()
    const db = await rawDatabase(path)
    db.exec('CREATE TABLE onlyonce_outbox (mine TEXT)')
    await expect(storeOn(path).migrate()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(all(db, "SELECT name FROM sqlite_master WHERE name LIKE 'onlyonce%'")).toEqual([{ name: 'onlyonce_outbox' }])
  })
})

describe('under check', () => {
  it('a file that is not there, has no tables, or is newer is refused with what to do', async () => {
    const path = tempFile()
    const store = storeOn(path, { migrate: 'check' })
    const command = `npx onlyonce migrate --store sqlite:${path}`
    const said = (message: unknown) => ({ code: 'STORE_UNAVAILABLE', message })
    const calls = [() => store.claim([request('a')]), () => store.find([]), () => store.transaction(async () => 1)]
    for (const call of calls) await expect(call()).rejects.toMatchObject(said(expect.stringContaining(command)))
    expect(existsSync(path)).toBe(false)
    const db = await rawDatabase(path)
    db.exec('CREATE TABLE mine (x)')
    for (const call of calls) await expect(call()).rejects.toMatchObject(said(expect.stringContaining(command)))
    await storeOn(path).migrate()
    granted((await store.claim([request('a')]))[0])

    db.exec("UPDATE onlyonce_meta SET number = 99 WHERE name = 'schema_version'")
    for (const migrate of ['check', 'auto'] as const) {
      const newer = storeOn(path, { migrate })
      const upgrade = said(expect.stringMatching(/version 99, newer .* upgrade onlyonce/))
      await expect(newer.find([])).rejects.toMatchObject(upgrade)
      await expect(newer.migrate()).rejects.toMatchObject(upgrade)
      expect((await newer.check()).problems).toEqual(['the schema is version 99, this onlyonce uses 1'])
    }
  })

  it('is the default in production', async () => {
    vi.stubEnv('NODE_ENV', 'production')
    await expect(storeOn(tempFile()).find([])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(await storeOn(tempFile(), { migrate: 'auto' }).find([])).toEqual([])
  })
})

describe('check', () => {
  it('finds what is missing', async () => {
    const path = tempFile()
    const store = storeOn(path)
    await store.migrate()
    const db = await rawDatabase(path)
    db.exec(`DROP VIEW onlyonce_operations_v; DROP INDEX onlyonce_operations_retention; DROP TABLE onlyonce_outbox;
      ALTER TABLE onlyonce_operations DROP COLUMN steps`)
    expect(await store.check()).toEqual({
      version: LATEST,
      expected: LATEST,
      ok: false,
      problems: [
        'column onlyonce_operations.steps is missing',
        'table onlyonce_outbox is missing',
        'index onlyonce_operations_retention is missing',
        'index onlyonce_outbox_parked is missing',
        'view onlyonce_operations_v is missing',
      ],
    })
  })
})

describe('the view onlyonce_operations_v', () => {
  it('tells every state in words, and leaves out what is over', async () => {
    const path = tempFile()
    const store = storeOn(path)
    const once = onlyonce({ store, scope: 'test' })
    await once('done', () => 1)
    const claimed = async (key: string, leaseMs: number, retentionMs: number) =>
      granted((await store.claim([request(key, { leaseMs, retentionMs })]))[0]).lease
    await claimed('running', 60_000, 60_000)
    await claimed('abandoned', 1, 60_000)
    await claimed('over', 1, 1)
    await store.release([await claimed('idle', 60_000, 60_000)])
    const lease = await claimed('unknown', 60_000, 60_000)
    await store.complete([{ lease, result: { ...value(''), kind: 'unknown' }, retentionMs: 1 }])
    await new Promise((resolve) => setTimeout(resolve, 20))
    const db = await rawDatabase(path)
    const rows = all(db, 'SELECT key, state, retained_until, created_at FROM onlyonce_operations_v ORDER BY key')
    expect(rows.map(({ key, state }) => [key, state])).toEqual(
      ['abandoned', 'done', 'idle', 'running', 'unknown'].map((word) => [word, word]),
    )
    for (const { key, retained_until, created_at } of rows) {
      expect(Math.abs(Date.parse(String(created_at)) - Date.now())).toBeLessThan(60_000)
      expect(retained_until === null).toBe(key === 'unknown')
    }
    // The listing of each state is the same set.
    for (const state of ['abandoned', 'done', 'idle', 'running', 'unknown'] as const) {
      const { items } = await store.list({ state, limit: 10 })
      const alsoThere = { running: ['abandoned', 'running'], done: ['done', 'unknown'] } as Record<string, string[]>
      expect(items.map(({ key }) => key).sort()).toEqual(alsoThere[state] ?? [state])
    }
  })
})

describe('indexes', () => {
  it('are used by the statements that need them', async () => {
    const path = tempFile()
    await storeOn(path).migrate()
    const db = await rawDatabase(path)
    const { LOAD, SWEEP, listSql } = await import('../../src/stores/sqlite/sql.ts')
    const plan = (sql: string) =>
      all(db, `EXPLAIN QUERY PLAN ${sql.replaceAll('?', '1')}`)
        .map(({ detail }) => detail)
        .join('\n')
    expect(plan(LOAD)).toMatch(/SEARCH .* \(id=\?\)/)
    expect(plan(SWEEP)).toMatch(/onlyonce_operations_retention \(retain_until<\?\)/)
    expect(plan(SWEEP)).not.toMatch(/TEMP B-TREE/)
    expect(plan(listSql('abandoned', false))).toMatch(/onlyonce_operations_running/)
    expect(plan(listSql('unknown', true))).toMatch(/onlyonce_operations_unknown/)
    for (const state of ['any', 'idle', 'running', 'done', 'abandoned', 'unknown'] as const) {
      expect(plan(listSql(state, false)), state).not.toMatch(/TEMP B-TREE/)
    }
  })
})

describe('the statements that write', () => {
  it('change nothing for another owner, another fence, another id or another state, whatever was decided before', async () => {
    const path = tempFile()
    const store = storeOn(path)
    const { lease } = granted((await store.claim([request('a')]))[0])
    const db = await rawDatabase(path)
    const { CLAIM, COMPLETE, PUT_RESULT, RELEASE, RENEW } = await import('../../src/stores/sqlite/sql.ts')
    const body = new Uint8Array(1)
    const writes: Record<string, [sql: string, params: (null | string | number | Uint8Array)[]]> = {
      renew: [RENEW, [1, 1, null]],
      complete: [COMPLETE, [1, 1, 'value', body]],
      release: [RELEASE, [0, 1]],
    }
    const changes = (sql: string, ...params: (null | string | number | Uint8Array)[]) =>
      Number(db.prepare(sql).run(...params).changes)
    const { id, owner, fence } = lease
    for (const [name, [sql, params]] of Object.entries(writes)) {
      expect(changes(sql, ...params, id, 'other', fence), name).toBe(0)
      expect(changes(sql, ...params, id, owner, fence - 1), name).toBe(0)
      expect(changes(sql, ...params, 'f'.repeat(32), owner, fence), name).toBe(0)
    }
    expect(changes(PUT_RESULT, 1, 'value', body, id, owner, fence)).toBe(0)
    const older = [1, id, null, null, 'v1', 'running', 'thief', fence, 1, 1, 1, 1, 1, null, null, null]
    expect(changes(CLAIM, ...older)).toBe(0)
    await store.complete([{ lease, result: value('v'), retentionMs: 60_000 }])
    for (const [name, [sql, params]] of Object.entries(writes)) {
      expect(changes(sql, ...params, id, owner, fence), name).toBe(0)
    }
    expect((await store.find([id]))[0]).toMatchObject({ state: 'done', owner, fence, result: value('v') })
  })
})

describe('openings that were wrong', () => {
  it('are refused at construction', () => {
    const wrong = [
      {},
      { path: '' },
      { path: 7 },
      { path: 'libsql://remote' },
      { path: 'a\0b' },
      { path: 'a', database: {} },
      { database: {} },
      { path: 'a', durability: 'fast' },
      { path: 'a', busyTimeoutMs: -1 },
      { path: 'a', busyTimeoutMs: 1.5 },
      { path: 'a', migrate: 'never' },
      { path: 'a', runtime: 1 },
      { path: 'a', bussyTimeoutMs: 1 },
    ]
    for (const options of wrong) {
      expect(() => sqliteStore(options as never), JSON.stringify(options)).toThrow(
        expect.objectContaining({ code: 'OPTION_INVALID' }),
      )
    }
    expect(() => sqliteStore({ path: 'C:\\data\\operations.db' })).not.toThrow()
  })

  it('an in-memory database is not durable, and says so', async () => {
    const store = sqliteStore({ path: ':memory:' })
    expect(store.traits).toEqual({ durable: false, transactional: true, survivesFailover: false, selfExpiring: false })
    granted((await store.claim([request('a')]))[0])
    await store[Symbol.asyncDispose]()
    expect(sqliteStore({ path: 'x.db' }).traits.durable).toBe(true)
  })
})
