import type { Store } from '../core/store.ts'
import type { MemoryStore } from './memory/index.ts'
import type { MysqlStore } from './mysql/index.ts'
import type { PostgresStore } from './postgres/index.ts'
import type { RedisStore } from './redis/index.ts'
import type { SqliteStore } from './sqlite/index.ts'
import { invalidUrl } from './urls/url.ts'

type RedisUrl = `redis${string}://${string}`
type MysqlUrl = `mysql://${string}` | `mariadb://${string}`
type PostgresUrl = `postgres://${string}` | `postgresql://${string}`

/**
 * A store from a URL, for configuration and the command line. Only the store that is named is loaded, with the client
 * package it needs (`ioredis` or `iovalkey`, `pg`, `mysql2`); the client is closed with the store.
 *
 * - `memory:`
 * - `sqlite:./file`, `sqlite:/absolute/file` or `sqlite:///absolute/file`, percent-encoded where needed
 * - `redis://`, `rediss://` (TLS), `redis+cluster://host:port,host:port`, `redis+sentinel://host:port,host:port/master`
 * - `postgres://user:password@host:5432/database`
 * - `mysql://user:password@host:3306/database`, also for MariaDB
 *
 * The query takes the options of the store, such as `?migrate=check`, `?prefix=shop` or `?schema=shop`.
 * @throws OnlyonceError OPTION_INVALID; STORE_UNAVAILABLE when the client package is not installed
 */
export function openStore(url: `sqlite:${string}`): Promise<SqliteStore>
export function openStore(url: 'memory:'): Promise<MemoryStore>
export function openStore(url: RedisUrl): Promise<RedisStore>
export function openStore(url: PostgresUrl): Promise<PostgresStore>
export function openStore(url: MysqlUrl): Promise<MysqlStore>
export function openStore(url: string | URL): Promise<Store>
export async function openStore(asked: string | URL): Promise<Store> {
  const url = asked instanceof URL ? asked.href : asked
  const [, given = '', rest = ''] = /^([a-z][a-z0-9+.-]*):(.*)$/is.exec(typeof url === 'string' ? url : '') ?? []
  const scheme = given.toLowerCase()
  switch (scheme) {
    case 'memory': {
      if (rest !== '') throw invalidUrl(url, '`memory:` takes nothing after the colon')
      const { memoryStore } = await import('./memory/index.ts')
      return memoryStore()
    }
    case 'sqlite':
      return (await import('./urls/sqlite.ts')).openSqlite(url, rest)
    case 'redis':
    case 'rediss':
    case 'redis+cluster':
    case 'rediss+cluster':
    case 'redis+sentinel':
    case 'rediss+sentinel':
      return (await import('./urls/redis.ts')).openRedis(url, scheme, rest)
    case 'postgres':
    case 'postgresql':
      return (await import('./urls/postgres.ts')).openPostgres(url)
    case 'mysql':
    case 'mariadb':
      return (await import('./urls/mysql.ts')).openMysql(url)
    default:
      throw invalidUrl(
        url,
        'there are `sqlite:FILE`, `redis://…`, `postgres://…`, `mysql://…`, and `memory:` for one process',
      )
  }
}
