import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { insertOnce, upsert } from '../../src/guards/sql.ts'
import { stateMachine, transition } from '../../src/guards/state-machine.ts'
import { codeOf, type Database, onEveryDatabase } from './databases.ts'

const coupon = stateMachine({ name: 'coupon', states: ['open', 'used'], transitions: { open: ['used'] } })

/** Text that is equal whatever its case and, but for SQLite, its accents. */
const LOOSE = {
  sqlite: 'VARCHAR(20) COLLATE NOCASE',
  postgres: 'VARCHAR(20) COLLATE {loose}',
  mysql: 'VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci',
}

describe('a key that only the collation takes for the same', () => {
  onEveryDatabase((open, dialect) => {
    let db: Database
    beforeEach(async () => {
      db = await open()
      if (dialect === 'postgres')
        await db.sql(`CREATE COLLATION {loose} (provider = icu, locale = 'und-u-ks-level1', deterministic = false)`)
      await db.sql(`CREATE TABLE {coupons} (code ${LOOSE[dialect]} PRIMARY KEY, state VARCHAR(20), version INT)`)
      await db.sql("INSERT INTO {coupons} VALUES ('aB3é', 'open', 1)")
    })
    afterEach(() => db.close())

    const rows = async () =>
      (await db.sql('SELECT code, state, version FROM {coupons}')).map((row) => Object.values(row).join(' '))
    const put = (code: string, more: { readonly newer?: 'version' } = {}) =>
      db.transaction((tx) =>
        upsert(tx, { table: db.table('coupons'), row: { code, state: 'gone', version: 2 }, key: 'code', ...more }),
      )
    const use = (code: string) =>
      db.transaction((tx) => transition(tx, { machine: coupon, table: db.table('coupons'), id: { code }, to: 'used' }))
    const stranger = dialect === 'sqlite' ? 'Ab3é' : 'Ab3E'

    it('is that of another row, which upsert leaves alone', async () => {
      await expect(put(stranger)).rejects.toMatchObject({
        code: 'KEY_REUSED',
        message: expect.stringContaining('collation'),
      })
      expect(await codeOf(put(stranger, { newer: 'version' }))).toBe('KEY_REUSED')
      const bare = db.transaction((tx) =>
        upsert(tx, { table: db.table('coupons'), row: { code: stranger }, key: 'code' }),
      )
      expect(await codeOf(bare)).toBe('KEY_REUSED')
      expect(await rows()).toEqual(['aB3é open 1'])
      expect([await put('aB3é', { newer: 'version' }), await put('aB3é')]).toEqual(['written', 'written'])
      expect(await rows()).toEqual(['aB3é gone 2'])
    })

    it('is that of another row, which no transition moves', async () => {
      await expect(use(stranger)).rejects.toMatchObject({
        code: 'ILLEGAL_TRANSITION',
        message: expect.stringContaining('there is no coupon'),
      })
      expect(await rows()).toEqual(['aB3é open 1'])
      expect([await use('aB3é'), await use('aB3é')]).toEqual(['moved', 'already'])
    })

    it('is refused as the name of an event, whose row stays', async () => {
      await db.sql(`CREATE TABLE {log} (event ${LOOSE[dialect]} PRIMARY KEY)`)
      const on = (event: string) =>
        db.transaction((tx) =>
          transition(tx, {
            machine: coupon,
            table: db.table('coupons'),
            id: { code: 'aB3é' },
            to: 'used',
            history: { table: db.table('log'), row: { event }, key: 'event' },
          }),
        )
      expect([await on('Ev'), await codeOf(on('eV')), await on('other')]).toEqual(['moved', 'KEY_REUSED', 'already'])
      expect((await db.sql('SELECT event FROM {log}')).map(({ event }) => event)).toEqual(['Ev'])
    })
  })
})

/** Two spellings of one value, and the type of a column that takes them for one. */
const SPELLINGS = {
  sqlite: [['INTEGER', '1100', '01100']],
  postgres: [
    ['uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'],
    ['numeric', '10', '10.00'],
    ['date', '2026-01-02', 'January 2, 2026'],
    ['char(10)', 'abc', 'abc  '],
    ['bigint', '1100', '01100'],
  ],
  mysql: [
    ['BIGINT', '1100', '01100'],
    ['DECIMAL(10, 2)', '10', '10.00'],
    ['DATETIME(3)', '2026-01-02 03:04:05', '2026-01-02 03:04:05.000'],
  ],
} as const

describe('a key that is no text', () => {
  onEveryDatabase((open, dialect) => {
    it.each(SPELLINGS[dialect].map((one) => [...one]))(
      'of type %s is the same in two spellings',
      async (type, one, other) => {
        const db = await open()
        await db.sql(`CREATE TABLE {coupons} (code ${type} PRIMARY KEY, state VARCHAR(20), version INT)`)
        const table = db.table('coupons')
        const put = (code: string, version: number) =>
          db.transaction((tx) =>
            upsert(tx, { table, row: { code, state: 'open', version }, key: 'code', newer: 'version' }),
          )
        expect([await put(one, 1), await put(other, 2), await put(other, 2), await put(one, 1)]).toEqual([
          'written',
          'written',
          'written',
          'stale',
        ])
        const use = (code: string) =>
          db.transaction((tx) => transition(tx, { machine: coupon, table, id: { code }, to: 'used' }))
        expect([await use(other), await use(one)]).toEqual(['moved', 'already'])
        const again = db.transaction((tx) =>
          insertOnce(tx, { table, row: { code: other, state: 'used' }, key: 'code', compare: ['state'] }),
        )
        if (type !== 'char(10)') expect(await again).toBe('existed')
        await db.close()
      },
    )
  })
})
