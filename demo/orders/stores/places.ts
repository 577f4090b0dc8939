import type { Place } from './place.ts'
import type { StoreName } from './store-names.ts'

const redis = async () => (await import('./redis.ts')).redis

/** Loaded on demand, so that only the client in use is needed. */
export const PLACES: Readonly<Record<StoreName, () => Promise<Place>>> = {
  sqlite: async () => (await import('./sqlite.ts')).sqlite,
  redis,
  'redis+cluster': redis,
  'redis+sentinel': redis,
  postgres: async () => (await import('./postgres.ts')).postgres,
  mysql: async () => (await import('./mysql.ts')).mysql,
}
