import mysql from 'mysql2/promise'
import { beforeEach, expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { later, tidily } from '../support/leftovers.ts'
import { type TestDatabase, testDatabase } from '../support/mysql.ts'
import { codeOf } from '../support/rejections.ts'
import { describeWith } from '../support/services.ts'

/** Claims in a transaction of the caller's, on a connection of the caller's. */
describeWith('mysql', (url) => {
  let database: TestDatabase
  beforeEach(async () => {
    database = await testDatabase(url)
    later(() => database.close())
    await database.sql('CREATE TABLE effects (name VARCHAR(60))')
    await database.store().migrate()
  })

  const effects = async () => (await database.sql('SELECT name FROM effects')).map(({ name }) => name)
  const insert = (name: string) => `INSERT INTO effects VALUES ('${name}')`
  const open = async () => tidily(await mysql.createConnection({ uri: database.url }), (it) => it.destroy())

  /** A deadlock that an effect meets on another server, in whose transaction nothing of ours is. */
  async function deadlockElsewhere(): Promise<never> {
    const other = await open()
    await other.query("SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'Deadlock found'")
    throw new Error('it was let pass')
  }

  it.each(['release', 'remember'] as const)(
    'an effect that fails by a deadlock on another server is undone like any other (%s)',
    async (onThrow) => {
      const once = onlyonce({ store: database.store(), scope: 'test', onThrow })
      const connection = await open()
      await connection.beginTransaction()
      await connection.query(insert('before'))
      const work = once.atomic(
        'key',
        async (tx) => {
          await tx.query(insert('half of it'))
          await deadlockElsewhere()
        },
        { tx: connection },
      )
      await expect(work).rejects.toThrow('Deadlock found')
      await connection.commit()
      expect(await effects()).toEqual(['before'])
      const record = await once.find('key')
      expect(record?.result?.kind).toBe(onThrow === 'remember' ? 'error' : undefined)
    },
  )

  it('a claim of what changed since the snapshot is refused where MariaDB isolates by it, and may be asked for again', async () => {
    const once = onlyonce({ store: database.store(), scope: 'test' })
    const connection = await open()
    await connection.query('SET innodb_snapshot_isolation = ON')
    const joined = async () => {
      await connection.query('START TRANSACTION WITH CONSISTENT SNAPSHOT')
      await connection.query(insert('mine'))
      await once('key', () => 'first')
      return codeOf(once.atomic('key', () => 'second', { tx: connection }))
    }
    expect(await joined()).toBe('STORE_UNAVAILABLE')
    await connection.rollback()
    expect(await joined()).toBe('resolved with "first"')
    await connection.commit()
    expect(await effects()).toEqual(['mine'])
  })
})
