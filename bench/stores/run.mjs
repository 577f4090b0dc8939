// Every store against the bare client doing the same by hand, on private servers. Never a test.
//   npm run bench:stores [-- --only NAME] [--seconds N] [--json FILE] [--write]
//     --sizes 10000,1000000,10000000   how far tables grow
//     --sweep 1000000                  sweep so many records too
//     --keys 200000                    over how many keys memory is measured
import { runSections } from '../sections.mjs'
import { arrivals } from './arrivals.mjs'
import { batches } from './batches.mjs'
import { growth } from './growth.mjs'
import { inProcess } from './in-process.mjs'
import { mysql } from './mysql.mjs'
import { postgres } from './postgres.mjs'
import { redis } from './redis.mjs'
import { redisMemory } from './redis-memory.mjs'
import { roundTrips } from './round-trips.mjs'
import { sqlite } from './sqlite.mjs'
import { sweep } from './sweep.mjs'
import { versions } from './versions.mjs'

await runSections(
  [redis, postgres, mysql, sqlite, inProcess, batches, roundTrips, arrivals, growth, sweep, redisMemory],
  new URL('../../docs/reference/performance-stores.md', import.meta.url),
  versions,
)
