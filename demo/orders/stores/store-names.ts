/** The values of `--store`, with their names in the results. */
export const STORES = {
  sqlite: 'SQLite files',
  redis: 'Redis, SQLite files',
  'redis+cluster': 'Redis Cluster, SQLite files',
  'redis+sentinel': 'Redis Sentinel, SQLite files',
  postgres: 'PostgreSQL',
  mysql: 'MySQL',
} as const

export type StoreName = keyof typeof STORES

/** Other spellings of the scheme, or the same with TLS. */
const ALIASES: Readonly<Record<string, StoreName>> = {
  rediss: 'redis',
  'rediss+cluster': 'redis+cluster',
  'rediss+sentinel': 'redis+sentinel',
  postgresql: 'postgres',
  mariadb: 'mysql',
}

/** Returns `undefined` for anything but `sqlite` and the URL of a server. */
export function storeNamed(store: string): StoreName | undefined {
  if (store === 'sqlite') return store
  const scheme = /^([a-z+]+):\/\/./i.exec(store)?.[1]?.toLowerCase() ?? ''
  const name = ALIASES[scheme] ?? scheme
  return name !== 'sqlite' && Object.hasOwn(STORES, name) ? (name as StoreName) : undefined
}
