import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fromPrisma } from '../../src/executors/index.ts'
import { hasReturning } from '../../src/guards/port/texts.ts'
import { insertOnce, onlyIf, upsert } from '../../src/guards/sql.ts'
import { stateMachine, transition } from '../../src/guards/state-machine.ts'
import { codeOf, type Database, onEveryDatabase } from './databases.ts'

const parcel = stateMachine({
  name: 'parcel',
  states: ['shipped', 'returning', 'back'],
  transitions: { shipped: ['returning'], returning: ['back'] },
})

describe('a write that only mentions returning', () => {
  onEveryDatabase((open, dialect) => {
    let db: Database
    const name = dialect === 'mysql' ? '`returning`' : '"returning"'
    beforeEach(async () => {
      db = await open()
      await db.sql(`CREATE TABLE {parcels} (id INT PRIMARY KEY, state VARCHAR(20), ${name} INT)`)
      await db.sql(`INSERT INTO {parcels} VALUES (1, 'shipped', 0)`)
    })
    afterEach(() => db.close())

    const rows = async () => (await db.sql('SELECT * FROM {parcels} ORDER BY id')).map((row) => Object.values(row))

    it('in a text counts what it wrote', async () => {
      const sql = `UPDATE ${db.table('parcels')} SET state = 'returning' /* no RETURNING */ WHERE state = 'shipped' -- returning`
      const send = () => db.transaction((tx) => onlyIf(tx, sql))
      expect([await send(), await send()]).toEqual(['applied', 'skipped'])
      expect(await rows()).toEqual([[1, 'returning', 0]])
    })

    it('as the name of a column counts what it wrote', async () => {
      const table = db.table('parcels')
      const row = { id: 2, state: 'shipped', returning: 1 }
      const put = () => db.transaction((tx) => insertOnce(tx, { table, row, key: 'id' }))
      expect([await put(), await put()]).toEqual(['inserted', 'existed'])
      const set = () => db.transaction((tx) => upsert(tx, { table, row: { id: 2, returning: 5 }, key: 'id' }))
      expect([await set(), await set()]).toEqual(['written', 'written'])
      const move = () =>
        db.transaction((tx) =>
          transition(tx, { machine: parcel, table, id: 2, to: 'returning', set: { returning: 6 } }),
        )
      expect([await move(), await move()]).toEqual(['moved', 'already'])
      expect(await rows()).toEqual([
        [1, 'shipped', 0],
        [2, 'returning', 6],
      ])
    })
  })

  it('is told apart from one that returns rows, in the words of each database', () => {
    const returns = (sql: string) =>
      ['postgres', 'sqlite', 'mysql'].map((dialect) => hasReturning(dialect as never, sql))
    const all = [true, true, true]
    const none = [false, false, false]
    expect(returns('UPDATE t SET a = 1 WHERE b = 2 RETURNING 1')).toEqual(all)
    expect(returns("UPDATE t SET a = 'it''s' WHERE b = 2\nreturning\n a")).toEqual(all)
    expect(returns("UPDATE t SET a = 'it''s returning' WHERE b = 2")).toEqual(none)
    expect(returns('UPDATE t SET a = 1 WHERE b = 2 -- returning')).toEqual(none)
    expect(returns('UPDATE t SET a = 1, "returning" = 2 WHERE b = 2')).toEqual(none)
    expect(hasReturning('postgres', 'UPDATE t SET a = $x$ returning $x$ WHERE b = $1')).toBe(false)
    expect(hasReturning('postgres', "UPDATE t SET a = e'\\' returning ' WHERE b = $1")).toBe(false)
    expect(hasReturning('postgres', "UPDATE t SET a = 'C:\\' WHERE b = $1 RETURNING a")).toBe(true)
    expect(hasReturning('postgres', 'UPDATE t SET a = t.returning WHERE b = $1')).toBe(false)
    expect(hasReturning('sqlite', 'UPDATE t SET [returning] = 1, `returning` = 2 WHERE b = ?')).toBe(false)
  })

  it('is refused where the library does not tell how many rows it wrote', async () => {
    const prisma = { $queryRawUnsafe: async <T>() => [] as T }
    const run = (sql: string) => codeOf(onlyIf(fromPrisma(prisma), sql, [1]))
    expect(await run("UPDATE t SET a = 'returning' WHERE id = $1")).toBe('OPTION_INVALID')
    expect(await run('UPDATE t SET a = 1 WHERE id = $1 RETURNING 1')).toBe('no error, but skipped')
  })
})
