import { expect } from 'vitest'
import type { MysqlExecutor } from '../../src/executors/index.ts'
import { testDatabase } from '../support/mysql.ts'
import type { Server } from './server.ts'

const BLOCKED = `SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT' AND trx_query LIKE ?`

export const onMysql: Server<MysqlExecutor> = {
  kind: 'mysql',
  driver: 'mysql2',
  duplicateCode: 'ER_DUP_ENTRY',
  async world(server) {
    const { database, url, sql, store: newStore, close } = await testDatabase(server)
    await sql('CREATE TABLE effects (`key` VARCHAR(100) PRIMARY KEY)')
    const store = newStore()
    return {
      url,
      place: database,
      store,
      async impatient(tx) {
        await tx.query('SET SESSION innodb_lock_wait_timeout = 1')
        return store
      },
      keys: async () => (await sql('SELECT `key` FROM effects')).map(({ key }) => String(key)),
      blocked: async () => (await sql(BLOCKED, [`%${database}%`])).length > 0,
      close,
    }
  },
  insert: (tx, place, key) => tx.execute(`INSERT INTO ${place}.effects VALUES (?)`, [key]),
  async asksAsItsDriver(tx, place, snakeCase) {
    expect((await tx.query('SELECT ? AS one, CONCAT(?, ?) AS two', ['a', 'b', null]))[0]).toEqual([
      { one: 'a', two: null },
    ])
    expect((await tx.query('SELECT 1 AS snake_case'))[0]).toEqual([{ [snakeCase]: 1 }])
    const [header] = await tx.query(`INSERT INTO ${place}.effects VALUES (?), ('x')`, ['y'])
    expect(header).toMatchObject({ affectedRows: 2 })
    expect((await tx.execute(`SELECT \`key\` FROM ${place}.effects WHERE \`key\` = ?`, ['none']))[0]).toEqual([])
  },
}
