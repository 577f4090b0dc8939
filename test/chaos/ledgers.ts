import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'libsql'
import mysql from 'mysql2/promise'
import pg from 'pg'
import { type BusinessRow, CREATE, rowOf, SELECT } from './business.ts'

/** Longer than any pause of a worker that has the lock. */
const LOCKED_MS = 20_000

/** The business table, past the library. */
export interface Ledger {
  create(): Promise<void>
  rows(): Promise<BusinessRow[]>
}

export function sqliteLedger(file: string): Ledger & { lock(ms: number): Promise<void> } {
  const use = <T>(work: (db: Database.Database) => T): T => {
    const db = new Database(file)
    try {
      db.exec('PRAGMA busy_timeout = 5000')
      return work(db)
    } finally {
      db.close()
    }
  }
  return {
    create: async () => use((db) => void db.exec(CREATE)),
    rows: async () => use((db) => db.prepare(SELECT).all().map(rowOf)),
    async lock(ms) {
      const db = new Database(file)
      try {
        await begin(db)
        await sleep(ms)
        db.exec('ROLLBACK')
      } finally {
        db.close()
      }
    },
  }
}

/** Never waits inside SQLite: whoever has the lock may be paused, and it is this process that lets it go on. */
async function begin(db: Database.Database): Promise<void> {
  db.exec('PRAGMA busy_timeout = 0')
  for (const until = Date.now() + LOCKED_MS; ; await sleep(5)) {
    try {
      db.exec('BEGIN IMMEDIATE')
      return
    } catch (error) {
      if (Date.now() > until) throw error
    }
  }
}

export function postgresLedger(url: string): Ledger {
  const ask = async (sql: string) => {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    try {
      return (await client.query(sql)).rows
    } finally {
      await client.end()
    }
  }
  return { create: async () => void (await ask(CREATE)), rows: async () => (await ask(SELECT)).map(rowOf) }
}

export function mysqlLedger(url: string): Ledger {
  const ask = async (sql: string) => {
    const connection = await mysql.createConnection(url)
    try {
      const [rows] = await connection.query(sql)
      return rows as unknown[]
    } finally {
      await connection.end()
    }
  }
  return { create: async () => void (await ask(CREATE)), rows: async () => (await ask(SELECT)).map(rowOf) }
}
