/** What `--store` may name, and what the results call it. */
export const STORES = {
  sqlite: 'SQLite files',
  redis: 'Redis, SQLite files',
  'redis+cluster': 'Redis Cluster, SQLite files',
  'redis+sentinel': 'Redis Sentinel, SQLite files',
  postgres: 'PostgreSQL',
  mysql: 'MySQL',
} as const

export type StoreName = keyof typeof STORES

/** Another spelling of the scheme, or the same with TLS. */
const ALIASES: Readonly<Record<string, StoreName>> = {
  rediss: 'redis',
  'rediss+cluster': 'redis+cluster',
  'rediss+sentinel': 'redis+sentinel',
  postgresql: 'postgres',
  mariadb: 'mysql',
}

/** `undefined` for what is neither `sqlite` nor a URL of a server. */
export function storeNamed(store: string): StoreName | undefined {
  if (store === 'sqlite') return store
  const scheme = /^([a-z+]+):\/\/./i.exec(store)?.[1]?.toLowerCase() ?? ''
  const name = ALIASES[scheme] ?? scheme
  return name !== 'sqlite' && Object.hasOwn(STORES, name) ? (name as StoreName) : undefined
}
