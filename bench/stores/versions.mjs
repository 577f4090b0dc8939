import { Redis } from 'ioredis'
import pg from 'pg'
import { versionsOf } from '../machine.mjs'
import { openMysqlPool } from './mysql.mjs'

/** Versions of the servers used and of their clients. @param {import('../servers.mjs').Servers} servers */
export async function versions(servers) {
  /** @type {Record<string, string | undefined>} */
  const found = {}
  if (servers.wasUsed('redis')) {
    const client = new Redis((await servers.get('redis')).url)
    found.Redis = /^redis_version:(\S+)/m.exec(await client.info('server'))?.[1]
    client.disconnect()
    Object.assign(found, versionsOf(['ioredis'], import.meta.url))
  }
  if (servers.wasUsed('postgres')) {
    const client = new pg.Client({ connectionString: (await servers.get('postgres')).url })
    await client.connect()
    const { rows } = await client.query(
      "SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync",
    )
    found.PostgreSQL = `${rows[0].version.split(' ')[0]} (fsync ${rows[0].fsync})`
    await client.end()
    Object.assign(found, versionsOf(['pg'], import.meta.url))
  }
  if (servers.wasUsed('mysql')) {
    const pool = openMysqlPool((await servers.get('mysql')).url)
    const [rows] = /** @type {any} */ (await pool.query('SELECT version() AS version'))
    found.MariaDB = rows[0].version.split('-')[0]
    await pool.end()
    Object.assign(found, versionsOf(['mysql2'], import.meta.url))
  }
  return found
}
