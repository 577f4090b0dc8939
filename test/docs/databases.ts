import { randomBytes } from 'node:crypto'
import { createConnection } from 'mysql2/promise'
import pg from 'pg'
import { serviceUrl } from '../support/services.ts'

export interface EmptyDatabase {
  readonly url: string
  drop(): Promise<void>
}

/** What an example asks for as `DATABASE_URL`, by the store that it imports; `undefined` when it asks for nothing. */
export function databaseKind(code: string): 'postgres' | 'mysql' | undefined {
  if (!code.includes('process.env.DATABASE_URL')) return undefined
  return code.includes("'onlyonce/mysql'") ? 'mysql' : 'postgres'
}

/** A database of its own on a shared test server; `undefined` where there is no server and none is required. */
export async function emptyDatabase(kind: 'postgres' | 'mysql'): Promise<EmptyDatabase | undefined> {
  const server = await serviceUrl(kind)
  if (server === undefined) return undefined
  const name = `example_${randomBytes(6).toString('hex')}`
  const control = await connect(kind, server)
  await control.run(`CREATE DATABASE ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  return {
    url: url.href,
    async drop() {
      await control.run(`DROP DATABASE ${name}`)
      await control.end()
    },
  }
}

async function connect(kind: 'postgres' | 'mysql', url: string) {
  if (kind === 'mysql') {
    const connection = await createConnection(url)
    return { run: (sql: string) => connection.query(sql), end: () => connection.end() }
  }
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return { run: (sql: string) => client.query(sql), end: () => client.end() }
}
