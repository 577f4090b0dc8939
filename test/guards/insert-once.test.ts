import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type InsertOnceOptions, insertOnce, type SqlRow } from '../../src/guards/sql.ts'
import { codeOf, type Database, onEveryDatabase } from './databases.ts'

/** The order log of a message that says "the order changed at that time". */
const LOG = {
  sqlite:
    'CREATE TABLE {log} (order_id TEXT, changed_at TEXT, state TEXT, note TEXT, PRIMARY KEY (order_id, changed_at))',
  postgres:
    'CREATE TABLE {log} (order_id text, changed_at timestamptz, state text, note text, PRIMARY KEY (order_id, changed_at))',
  mysql:
    'CREATE TABLE {log} (order_id VARCHAR(40), changed_at DATETIME(3), state VARCHAR(20), note TEXT, PRIMARY KEY (order_id, changed_at))',
}

const KINDS = {
  sqlite: `CREATE TABLE {kinds} (id TEXT PRIMARY KEY, price NUMERIC, amount INTEGER, big INTEGER, ratio REAL, open INTEGER,
    at TEXT, body BLOB, doc TEXT, gap TEXT)`,
  postgres: `CREATE TABLE {kinds} (id text PRIMARY KEY, price numeric(10, 2), amount integer, big bigint, ratio double precision,
    open boolean, at timestamptz, body bytea, doc jsonb, gap text)`,
  mysql: `CREATE TABLE {kinds} (id VARCHAR(40) PRIMARY KEY, price DECIMAL(10, 2), amount INT, big BIGINT, ratio DOUBLE, open BOOLEAN,
    at DATETIME(3), body BLOB, doc JSON, gap TEXT)`,
}

describe('insertOnce', () => {
  onEveryDatabase((open, dialect) => {
    let db: Database
    beforeEach(async () => {
      db = await open()
      await db.sql(LOG[dialect])
      await db.sql(KINDS[dialect])
    })
    afterEach(() => db.close())

    const at = dialect === 'sqlite' ? '2026-11-21T08:00:00.123Z' : new Date('2026-11-21T08:00:00.123Z')
    const paid = { order_id: '1100', changed_at: at, state: 'paid', note: 'by card' }
    const log = (row: SqlRow, more: Partial<InsertOnceOptions> = {}) =>
      db.transaction((tx) => insertOnce(tx, { table: db.table('log'), row, key: ['order_id', 'changed_at'], ...more }))
    const kind = (row: SqlRow) => db.transaction((tx) => insertOnce(tx, { table: db.table('kinds'), row, key: 'id' }))
    const count = async (table: string) => (await db.sql(`SELECT * FROM {${table}}`)).length

    it('inserts a row once, however often it is asked', async () => {
      expect([await log(paid), await log(paid), await log(paid)]).toEqual(['inserted', 'existed', 'existed'])
      expect(await log({ ...paid, order_id: '1101' })).toBe('inserted')
      expect(await count('log')).toBe(2)
    })

    it('refuses another row under the same key, names the column, and leaves the row alone', async () => {
      await log(paid)
      await expect(log({ ...paid, state: 'refunded' })).rejects.toMatchObject({
        code: 'KEY_REUSED',
        message: expect.stringMatching(/log.*1100.*differs in state/),
      })
      expect((await db.sql('SELECT state FROM {log}')).map(({ state }) => state)).toEqual(['paid'])
    })

    it('compares text by its bytes, whatever the collation', async () => {
      await log(paid)
      expect(await codeOf(log({ ...paid, note: 'By Card' }))).toBe('KEY_REUSED')
      expect(await codeOf(log({ ...paid, note: 'by card ' }))).toBe('KEY_REUSED')
      expect(await codeOf(log({ ...paid, note: null }))).toBe('KEY_REUSED')
    })

    it('compares the columns that it is told to', async () => {
      await log(paid)
      expect(await log({ ...paid, note: 'heard again' }, { compare: ['state'] })).toBe('existed')
      expect(await codeOf(log({ ...paid, state: 'refunded' }, { compare: ['state'] }))).toBe('KEY_REUSED')
      expect(await codeOf(log(paid, { compare: ['stat'] }))).toBe('OPTION_INVALID')
    })

    const full: SqlRow = {
      id: 'a',
      price: '10.5',
      amount: 3,
      big: 9007199254740993n,
      ratio: 0.1,
      open: true,
      at,
      body: Uint8Array.of(0, 255, 39),
      doc: { b: [1, { c: null }], a: 'ü' },
      gap: null,
    }

    it('knows every kind of value again', async () => {
      expect([await kind(full), await kind(full)]).toEqual(['inserted', 'existed'])
      expect(await kind({ ...full, doc: { a: 'ü', b: [1, { c: null }] } })).toBe('existed')
      expect(await kind({ ...full, price: 10.5 })).toBe('existed')
    })

    it.each([
      { price: '10.51' },
      { price: 10.49 },
      { amount: 4 },
      { big: 9007199254740992n },
      { ratio: 0.1000000001 },
      { open: false },
      { at: dialect === 'sqlite' ? '2026-11-21T08:00:00.124Z' : new Date('2026-11-21T08:00:00.124Z') },
      { body: Uint8Array.of(0, 255, 40) },
      { doc: { a: 'ü', b: [1, { c: 0 }] } },
      { gap: '' },
      { price: null },
    ] satisfies SqlRow[])('notices another %o', async (other) => {
      await kind(full)
      expect(await codeOf(kind({ ...full, ...other }))).toBe('KEY_REUSED')
    })

    it('knows text of a fixed length again', async () => {
      await db.sql('CREATE TABLE {fixed} (id CHAR(10) PRIMARY KEY, code CHAR(5))')
      const put = (id: string, code: string) =>
        db.transaction((tx) => insertOnce(tx, { table: db.table('fixed'), row: { id, code }, key: 'id' }))
      expect([await put('a', 'GBP'), await put('a', 'GBP')]).toEqual(['inserted', 'existed'])
      expect([await codeOf(put('a', 'gbp')), await codeOf(put('a', 'GB'))]).toEqual(['KEY_REUSED', 'KEY_REUSED'])
      expect([await put('b', '12345'), await put('b', '12345')]).toEqual(['inserted', 'existed'])
    })

    it('knows a boolean and a time again in a column of text', async () => {
      await db.sql('CREATE TABLE {texts} (id INT PRIMARY KEY, yes VARCHAR(10), at VARCHAR(40))')
      const put = (yes: boolean, at: string | Date) =>
        db.transaction((tx) => insertOnce(tx, { table: db.table('texts'), row: { id: 1, yes, at }, key: 'id' }))
      expect([await put(true, at), await put(true, at)]).toEqual(['inserted', 'existed'])
      expect(await codeOf(put(false, at))).toBe('KEY_REUSED')
      const later = '2026-11-21T08:00:00.124Z'
      expect(await codeOf(put(true, dialect === 'sqlite' ? later : new Date(later)))).toBe('KEY_REUSED')
    })

    it.runIf(dialect === 'postgres')('tells of a key whose column does not hold what it is given', async () => {
      await db.sql('CREATE TABLE {seconds} (at timestamptz(0) PRIMARY KEY)')
      const put = () =>
        db.transaction((tx) => insertOnce(tx, { table: db.table('seconds'), row: { at: new Date(1_500) }, key: 'at' }))
      expect(await put()).toBe('inserted')
      await expect(put()).rejects.toThrow(/a column of the key keeps another value than it is given/)
    })

    it('is undone with its transaction', async () => {
      const undone = db.transaction(async (tx) => {
        await insertOnce(tx, { table: db.table('log'), row: paid, key: ['order_id', 'changed_at'] })
        throw new Error('changed my mind')
      })
      await expect(undone).rejects.toThrow('changed my mind')
      expect(await log(paid)).toBe('inserted')
    })

    it('goes on in a transaction in which the row was there', async () => {
      await log(paid)
      const both = await db.transaction(async (tx) => [
        await insertOnce(tx, { table: db.table('log'), row: paid, key: ['order_id', 'changed_at'] }),
        await insertOnce(tx, { table: db.table('kinds'), row: { id: 'b' }, key: 'id' }),
      ])
      expect(both).toEqual(['existed', 'inserted'])
    })

    it('refuses a key that no unique index protects', async () => {
      const row = { id: 'x', state: 'paid', note: 'n' }
      await db.sql(
        `CREATE TABLE {loose} (id ${dialect === 'mysql' ? 'VARCHAR(40)' : 'TEXT'}, state VARCHAR(20), note VARCHAR(20))`,
      )
      await db.sql(`CREATE UNIQUE INDEX loose_unique ON {loose} (id, state)`)
      await db.sql(`CREATE INDEX loose_plain ON {loose} (note)`)
      const put = (key: ('id' | 'state' | 'note')[]) =>
        db.transaction((tx) => insertOnce(tx, { table: db.table('loose'), row, key }))
      await expect(put(['id'])).rejects.toMatchObject({
        code: 'OPTION_INVALID',
        message: expect.stringContaining('CREATE UNIQUE INDEX'),
      })
      expect(await codeOf(put(['note']))).toBe('OPTION_INVALID')
      expect(await codeOf(put(['id', 'state', 'note']))).toBe('OPTION_INVALID')
      expect(await count('loose')).toBe(0)
      expect([await put(['state', 'id']), await put(['id', 'state'])]).toEqual(['inserted', 'existed'])
    })

    it('lets the error of another unique index pass', async () => {
      await db.sql(`CREATE TABLE {two} (id VARCHAR(40) PRIMARY KEY, mail VARCHAR(40) UNIQUE)`)
      const put = (id: string) =>
        db.transaction((tx) => insertOnce(tx, { table: db.table('two'), row: { id, mail: 'a@b' }, key: 'id' }))
      expect(await put('1')).toBe('inserted')
      expect(await codeOf(put('2'))).toMatch(
        { sqlite: /SQLITE_CONSTRAINT|ERR_SQLITE_ERROR/, postgres: /23505/, mysql: /ER_DUP_ENTRY/ }[dialect],
      )
      expect(await put('1')).toBe('existed')
    })

    it('binds values: SQL in one is text', async () => {
      const hostile = `'); DROP TABLE log; -- "\\`
      expect(await log({ ...paid, note: hostile })).toBe('inserted')
      expect((await db.sql('SELECT note FROM {log}')).map(({ note }) => note)).toEqual([hostile])
    })

    it.each(['log"', 'a.b.c', 'log; --', '', 'l`og', '1log', 'lög'])('refuses the table %j', async (table) => {
      expect(await codeOf(log(paid, { table }))).toBe('OPTION_INVALID')
    })

    it('refuses what cannot name a row, before it asks the database', async () => {
      const of = (order_id: unknown) => codeOf(log({ ...paid, order_id } as SqlRow))
      expect([await of(null), await of(undefined), await of('')]).toEqual(['KEY_MISSING', 'KEY_MISSING', 'KEY_MISSING'])
      expect([await of('order:undefined'), await of(Number.NaN)]).toEqual(['KEY_INVALID', 'KEY_INVALID'])
      expect(await codeOf(log({ order_id: '1' }))).toBe('KEY_MISSING')
      expect(await codeOf(log(paid, { key: [] }))).toBe('OPTION_INVALID')
      expect(await codeOf(log(paid, { key: undefined as never }))).toBe('OPTION_INVALID')
      expect(await codeOf(log(null as never))).toBe('OPTION_INVALID')
      expect(await codeOf(log({ ...paid, 'no"te': 'x' }))).toBe('OPTION_INVALID')
      expect(await codeOf(log({ ...paid, note: Number.NaN }))).toBe('OPTION_INVALID')
      const cycle: Record<string, unknown> = {}
      cycle.again = cycle
      for (const doc of [{ price: Number.NaN }, [{ price: Number.POSITIVE_INFINITY }], { price: 1n }, cycle]) {
        expect(await codeOf(kind({ id: 'a', doc } as SqlRow))).toBe('OPTION_INVALID')
      }
      expect(await codeOf(log({ ...paid, note: undefined } as unknown as SqlRow))).toBe('OPTION_INVALID')
      expect(await codeOf(log({ ...paid, note: new Map() } as unknown as SqlRow))).toBe('OPTION_INVALID')
      expect([await count('log'), await count('kinds')]).toEqual([0, 0])
    })
  })
})
