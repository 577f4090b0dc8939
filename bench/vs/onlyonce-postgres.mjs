import { postgresStore } from 'onlyonce/postgres'
import { openPool } from '../stores/postgres.mjs'
import { entry } from './onlyonce-redis.mjs'

/** With fsync: it is on disk before it is answered. @type {readonly import('./contestant.mjs').Contestant[]} */
export const onlyonceOnPostgres = [
  {
    name: 'onlyonce on PostgreSQL, fsync on',
    on: 'postgres',
    ours: true,
    async open(url) {
      const pool = openPool(url)
      return entry(postgresStore({ pool }), {}, () => pool.end())
    },
  },
]
