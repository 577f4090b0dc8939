import Libsql from 'libsql'
import mysql from 'mysql2/promise'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SqlTx } from '../../src/guards/sql.ts'
import { stateMachine, type TransitionOptions, transition } from '../../src/guards/state-machine.ts'
import { testDatabase as mysqlDatabase } from '../support/mysql.ts'
import { testDatabase as postgresDatabase } from '../support/postgres.ts'
import { describeWith } from '../support/services.ts'
import { codeOf, type Database, onEveryDatabase } from './databases.ts'

const subscription = stateMachine({
  name: 'subscription',
  states: ['trial', 'active', 'paused', 'ended'],
  transitions: { trial: ['active'], active: ['paused', 'ended'], paused: ['active'] },
})
type State = 'active' | 'paused' | 'ended'

const TABLES = [
  'CREATE TABLE {subs} (id INT PRIMARY KEY, state VARCHAR(20))',
  'CREATE TABLE {log} (event VARCHAR(40) PRIMARY KEY)',
  "INSERT INTO {subs} VALUES (1, 'active')",
]

const optionsOf = (name: (table: string) => string, event: string, to: State) => ({
  machine: subscription as TransitionOptions['machine'],
  table: name('subs'),
  id: 1,
  to,
  history: { table: name('log'), row: { event }, key: 'event' },
})

describe('the history of a transition', () => {
  onEveryDatabase((open) => {
    let db: Database
    beforeEach(async () => {
      db = await open()
      for (const sql of TABLES) await db.sql(sql)
    })
    afterEach(() => db.close())

    const on = (event: string, to: State) =>
      db.transaction((tx) =>
        transition(
          tx,
          optionsOf((table) => db.table(table), event, to),
        ),
      )
    const log = async () => (await db.sql('SELECT event FROM {log} ORDER BY event')).map((row) => row.event)

    it('on a cycle has an event that found the row at its state, which never moves it later', async () => {
      expect([await on('p1', 'paused'), await on('p2', 'paused')]).toEqual(['moved', 'already'])
      expect(await on('r1', 'active')).toBe('moved')
      expect([await on('p2', 'paused'), await on('p1', 'paused')]).toEqual(['already', 'already'])
      expect((await db.sql('SELECT state FROM {subs}')).map(({ state }) => state)).toEqual(['active'])
      expect(await log()).toEqual(['p1', 'p2', 'r1'])
    })

    it('on a cycle has no event that came too early', async () => {
      await db.sql("UPDATE {subs} SET state = 'trial'")
      expect(await codeOf(on('p1', 'paused'))).toBe('ILLEGAL_TRANSITION')
      expect(await log()).toEqual([])
      expect([await on('a1', 'active'), await on('p1', 'paused')]).toEqual(['moved', 'moved'])
      expect(await log()).toEqual(['a1', 'p1'])
    })

    it('off a cycle has no event that found the row at its state', async () => {
      expect([await on('e1', 'ended'), await on('e2', 'ended')]).toEqual(['moved', 'already'])
      expect(await log()).toEqual(['e1'])
    })
  })
})

/** A connection of the caller's own, on which nobody has begun a transaction. */
interface Plain {
  readonly tx: SqlTx
  table(name: string): string
  run(sql: string): Promise<unknown>
  close(): Promise<unknown>
}

async function postgresConnection(url: string): Promise<Plain> {
  const database = await postgresDatabase(url)
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const table = (name: string) => `${database.schema}.${name}`
  return {
    tx: client,
    table,
    run: async (sql) => (await client.query(sql.replace(/\{(\w+)\}/g, (_, name) => table(name)))).rows,
    close: async () => [await client.end(), await database.close()],
  }
}

async function mysqlConnection(url: string): Promise<Plain> {
  const database = await mysqlDatabase(url)
  const client = await mysql.createConnection({ uri: database.url })
  return {
    tx: client,
    table: (name) => name,
    run: async (sql) => (await client.query(sql.replace(/[{}]/g, '')))[0],
    close: async () => [await client.end(), await database.close()],
  }
}

async function sqliteConnection(): Promise<Plain> {
  const client = new Libsql(':memory:')
  return {
    tx: client as unknown as SqlTx,
    table: (name) => name,
    async run(sql) {
      const plain = sql.replace(/[{}]/g, '')
      return plain.startsWith('SELECT') ? client.prepare(plain).all() : client.exec(plain)
    },
    close: async () => client.close(),
  }
}

describe('a transition with history on a connection of the caller', () => {
  function cases(connect: () => Promise<Plain>): void {
    let db: Plain
    beforeEach(async () => {
      db = await connect()
      for (const sql of TABLES) await db.run(sql)
    })
    afterEach(() => db.close())

    const pause = (tx = db.tx) =>
      transition(
        tx,
        optionsOf((table) => db.table(table), 'p1', 'paused'),
      )

    it('is refused where no transaction is open, and has written nothing', async () => {
      const refused = { code: 'OPTION_INVALID', message: expect.stringContaining('transaction') }
      await expect(pause()).rejects.toMatchObject(refused)
      expect(await db.run('SELECT event FROM {log}')).toEqual([])
      await db.run('BEGIN')
      expect(await pause()).toBe('moved')
      await db.run('COMMIT')
      await expect(pause()).rejects.toMatchObject(refused)
    })

    it('leaves the transaction as it found it', async () => {
      await db.run('BEGIN')
      expect([await pause(), await pause()]).toEqual(['moved', 'already'])
      await db.run('ROLLBACK')
      expect(await db.run('SELECT event FROM {log}')).toEqual([])
      expect(await db.run('SELECT state FROM {subs}')).toEqual([{ state: 'active' }])
    })

    it('asks the connection itself where it does not say whether a transaction is open', async () => {
      const { tx } = db as { tx: object }
      const methods = ['exec', 'prepare', 'query', 'execute'].filter(
        (name) => name in tx && !('exec' in tx && name === 'query'),
      )
      const bare = Object.fromEntries(methods.map((name) => [name, (tx as never)[name]])) as object
      const bound = Object.fromEntries(
        Object.entries(bare).map(([name, method]) => [name, (method as (...args: never[]) => unknown).bind(tx)]),
      ) as unknown as SqlTx
      expect(await codeOf(pause(bound))).toBe('OPTION_INVALID')
      await db.run('BEGIN')
      expect(await pause(bound)).toBe('moved')
      await db.run('COMMIT')
      expect(await db.run('SELECT state FROM {subs}')).toEqual([{ state: 'paused' }])
    })
  }

  describe('with sqlite', () => cases(sqliteConnection))
  describeWith('postgres', (url) => cases(() => postgresConnection(url)))
  describeWith('mysql', (url) => {
    cases(() => mysqlConnection(url))

    it('takes a connection without autocommit, on which a transaction is always open', async () => {
      const db = await mysqlConnection(url)
      for (const sql of TABLES) await db.run(sql)
      await db.run('SET autocommit = 0')
      expect(
        await transition(
          db.tx,
          optionsOf((table) => table, 'p1', 'paused'),
        ),
      ).toBe('moved')
      await db.run('ROLLBACK')
      expect(await db.run('SELECT event FROM {log}')).toEqual([])
      await db.close()
    })
  })
})
