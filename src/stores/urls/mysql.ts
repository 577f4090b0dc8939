import { isIP } from 'node:net'
import type { MysqlPool, MysqlStore, MysqlStoreOptions } from '../mysql/index.ts'
import { firstInstalled, owning } from './clients.ts'
import { checkConnections, decoded, invalidUrl, optionsIn, parsedUrl } from './url.ts'

const OURS = ['database', 'migrate', 'timeoutMs', 'lockWaitMs', 'connectionLimit']
const FORM = 'mysql://user:password@host:3306/database'
const CONNECT_TIMEOUT_MS = 5_000

interface Mysql2 {
  createPool(options: object): MysqlPool & { end(): Promise<void> }
}

/** `?database=` names the database of the tables, if not that of the path. `?ssl=true`: TLS with verified host name. */
export async function openMysql(url: string): Promise<MysqlStore> {
  const { hostname, port, username, password, pathname, searchParams } = parsedUrl(url, FORM)
  const database = decoded(url, pathname.slice(1))
  if (hostname === '' || database === '' || database.includes('/')) throw invalidUrl(url, `write \`${FORM}\``)
  const { connectionLimit, ssl, ...options } = optionsIn(url, searchParams, [...OURS, 'ssl'])
  checkConnections(url, 'connectionLimit', connectionLimit)
  if (ssl !== undefined && typeof ssl !== 'boolean') throw invalidUrl(url, '`ssl` must be true or false')
  const host = hostname.replace(/^\[|\]$/g, '')
  // For an IP address, mysql2 checks whether the certificate is for `localhost`.
  if (ssl === true && isIP(host) !== 0) throw invalidUrl(url, '`ssl=true` needs the name of the host, not its address')
  const { createPool } = await firstInstalled<Mysql2>('mysql:', ['mysql2/promise'])
  const pool = createPool({
    host,
    port: port === '' ? 3306 : Number(port),
    user: decoded(url, username),
    password: decoded(url, password),
    database,
    connectTimeout: CONNECT_TIMEOUT_MS,
    ...(connectionLimit === undefined ? {} : { connectionLimit }),
    // By default mysql2 accepts a certificate of any host.
    ...(ssl === true ? { ssl: { verifyIdentity: true } } : {}),
  })
  const { mysqlStore } = await import('../mysql/index.ts')
  return owning(mysqlStore({ ...options, pool } as MysqlStoreOptions), () => pool.end())
}
