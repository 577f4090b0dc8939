import { randomBytes } from 'node:crypto'
import type { TransactionalStore } from 'onlyonce'
import { OnlyonceError } from 'onlyonce'
import type { MysqlTx } from 'onlyonce/mysql'
import { openStore } from 'onlyonce/stores'
import { type Service, TABLES } from '../shop/tables.ts'
import type { Books, Place, Shop, Value } from './place.ts'

interface MysqlConnection extends MysqlTx {
  end(): Promise<void>
}

/** Records, business tables and outbox in a database of this run. Also for MariaDB. */
export const mysql: Place = {
  async makeRoom(given) {
    const database = `demo_${randomBytes(6).toString('hex')}`
    const url = new URL(given)
    url.pathname = `/${database}`
    // A binary collation: order ids that differ only by case or accents are different.
    await onServer(given, `CREATE DATABASE ${database} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`)
    const room = {
      url: url.href,
      name: `MySQL, in database ${database}`,
      remove: () => onServer(given, `DROP DATABASE ${database}`),
    }
    try {
      await onServer(url.href, ...Object.values(TABLES))
      await using store = await open(url.href)
      await store.transaction(async (tx) => void (await tx.query('SELECT 1')))
      return room
    } catch (error) {
      await room.remove()
      throw error
    }
  },

  async open(url): Promise<Shop> {
    const store = await open(url)
    const books: Books<MysqlTx> = {
      store,
      async write(tx, sql, values) {
        const [{ affectedRows }] = (await tx.query(spelled(sql), [...values])) as [{ affectedRows: number }]
        return affectedRows
      },
    }
    return {
      records: undefined,
      books: async () => books,
      read: <Row>(_: Service, sql: string, values: readonly Value[] = []) =>
        store.transaction(async (tx) => (await tx.query(sql, [...values]))[0] as Row[]),
    }
  },
}

const open = async (url: string) => (await openStore(url)) as TransactionalStore<MysqlTx>

function spelled(sql: string): string {
  return sql.replace('ON CONFLICT DO NOTHING', 'ON DUPLICATE KEY UPDATE id = id')
}

/** On a separate connection: creating or dropping a table commits every open transaction here. */
async function onServer(url: string, ...statements: readonly string[]): Promise<void> {
  const connection = await connect(url)
  try {
    for (const sql of statements) await connection.query(sql)
  } finally {
    await connection.end()
  }
}

/** @throws OnlyonceError STORE_UNAVAILABLE */
async function connect(url: string): Promise<MysqlConnection> {
  // Without the query, which holds the store's options.
  const { href } = Object.assign(new URL(url), { search: '' })
  try {
    const { createConnection } = await import('mysql2/promise')
    return (await createConnection({ uri: href })) as MysqlConnection
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const missing = code === 'ERR_MODULE_NOT_FOUND'
    const reason = missing ? 'it needs a client: run `npm install mysql2` beside onlyonce' : message || code
    throw new OnlyonceError('STORE_UNAVAILABLE', `MySQL cannot be reached: ${reason}`, { cause: error })
  }
}
