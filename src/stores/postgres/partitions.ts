import { timeLimit } from '../../core/time-limit.ts'
import type { Row } from '../sql/rows.ts'
import type { Asking } from './asking.ts'
import type { PgClient } from './client.ts'
import { faultOf, isLost, told } from './faults.ts'
import { plainArray } from './literals.ts'
import type { PostgresPartitions, ResolvedPostgresOptions } from './options.ts'
import { truth } from './reading.ts'
import { rollback } from './rollback.ts'
import type { PartitionedNames } from './sql/names.ts'
import {
  isKeptSql,
  moveKeptSql,
  newPartitionSql,
  partitionName,
  partitionsSql,
  relistSql,
  surveySql,
} from './sql/partitions.ts'

interface Partition {
  readonly part: number
  readonly beganAt: number
}

interface Listing {
  readonly now: number
  readonly all: readonly Partition[]
  readonly newest: Partition
}

/** Statements queue up behind a waiting lock request, so this is how long claims may be held up. */
const LOCK_WITHIN_MS = 250
/** Upper bound of the growing lock wait: a claim held up this long is still answered before its caller times out. */
const LOCK_WITHIN_MS_AT_MOST = 2_000
/** Reading a large partition as a whole, before it is dropped, takes long. */
const UPKEEP_WITHIN_MS = 600_000

/**
 * How long to wait for a lock that overlapping transactions hold. The time doubles after each failure, so one of the
 * next sweeps gets the lock if the transactions are shorter than the upper bound; it is reset after success.
 */
interface Patience {
  readonly ms: number
  inVain(): void
  got(): void
}

function createPatience(timeoutMs: number): Patience {
  const longest = Math.max(LOCK_WITHIN_MS, Math.min(LOCK_WITHIN_MS_AT_MOST, Math.round(timeoutMs * 0.4)))
  let ms = LOCK_WITHIN_MS
  return {
    get ms() {
      return ms
    },
    inVain() {
      ms = Math.min(2 * ms, longest)
    },
    got() {
      ms = LOCK_WITHIN_MS
    },
  }
}

/** Begins the partition that is due and drops those that are over; returns how many records these had. */
export function createUpkeep(
  asking: Asking,
  names: PartitionedNames,
  { schema, runtime, timeoutMs }: ResolvedPostgresOptions,
  { everyMs, keep }: PostgresPartitions,
): (limit: number) => Promise<number> {
  /** When retention ends for the last record of a partition, as surveyed: it is not surveyed again before that. */
  const keptUntil = new Map<number, number>()
  /** One for each lock, so that success with one does not reset the others. */
  const [begins, ends, drops] = [createPatience(timeoutMs), createPatience(timeoutMs), createPatience(timeoutMs)]
  let isRunning = false

  async function upkeep(client: PgClient, limit: number): Promise<number> {
    await beginWhenDue(client, names, schema, everyMs, begins)
    const { now = 0, all = [] } = (await listing(client, names)) ?? {}
    let removed = 0
    for (const { part, beganAt } of all.slice(0, -1)) {
      // Nearly all of its records are past their retention. The rest are unknown results, or were kept longer.
      const isOver = beganAt + (keep + 1) * everyMs * 1000 <= now
      try {
        if (isOver) await client.query(moveKeptSql(names, part), [String(limit)])
        if (!isOver && (keptUntil.get(part) ?? 0) > now) continue
        const dropped = await dropAtItsEnd(client, part)
        // Waiting for the other locks would most likely fail too, and hold up claims each time.
        if (dropped === undefined) break
        removed += dropped
      } catch (error) {
        // Another process sweeps too and has dropped it.
        if (faultOf(error) !== 'no-tables') throw error
      }
    }
    return removed
  }

  /** Returns how many records it had, or `undefined` if a lock was not granted in time. */
  async function dropAtItsEnd(client: PgClient, part: number): Promise<number | undefined> {
    if (truth((await client.query(isKeptSql(names, part))).rows[0]?.kept) !== false) return 0
    // A write that began earlier may extend a record's retention. Such writes are over when this lock is granted, and
    // later ones see a later time, so records past their retention at `asOf` stay so.
    const asOf = await briefly(client, schema, ends, async () => {
      await client.query(`LOCK TABLE ${partitionName(names, part)} IN SHARE MODE`)
      return (await listing(client, names))?.now
    })
    if (asOf === undefined) return undefined
    const [survey] = (await client.query(surveySql(names, part))).rows as readonly Row[]
    keptUntil.set(part, Number(survey?.kept_until))
    if (!(Number(survey?.kept_until) <= asOf)) return 0
    const isDropped = await briefly(client, schema, drops, () => dropPartition(client, names, part, survey?.fence))
    if (isDropped === undefined) return undefined
    if (!isDropped) return 0
    keptUntil.delete(part)
    return Number(survey?.number)
  }

  return async (limit) => {
    if (isRunning) return 0
    isRunning = true
    try {
      return await asking.hold('sweep partitions', (client, { breakOff }) =>
        timeLimit(runtime, upkeep(client, limit), UPKEEP_WITHIN_MS, () => {
          const silent = new Error(`partitions were not swept within ${UPKEEP_WITHIN_MS} ms`)
          breakOff(silent)
          return silent
        }).catch((error) => {
          if (isLost(error)) breakOff(error)
          throw error
        }),
      )
    } catch (error) {
      throw told(schema, error)
    } finally {
      isRunning = false
    }
  }
}

/** Returns `undefined` for a role that may not begin and drop partitions: an application's role need not. */
async function listing(client: PgClient, names: PartitionedNames): Promise<Listing | undefined> {
  const rows = (await client.query(partitionsSql(names))).rows as readonly Row[]
  const all = rows.map(({ part, began_at }) => ({ part: Number(part), beganAt: Number(began_at) }))
  const newest = all.at(-1)
  return newest === undefined || truth(rows[0]?.mine) !== true ? undefined : { now: Number(rows[0]?.now), all, newest }
}

/** Begins the next partition once the newest one is old enough: new records go there from the commit on. */
export async function beginWhenDue(
  client: PgClient,
  names: PartitionedNames,
  schema: string,
  everyMs: number,
  patience = createPatience(0),
): Promise<void> {
  const due = async () => {
    const known = await listing(client, names)
    return known !== undefined && known.newest.beganAt + everyMs * 1000 <= known.now ? known : undefined
  }
  if ((await due()) === undefined) return
  await briefly(client, schema, patience, async () => {
    const known = await due()
    if (known === undefined) return undefined
    const next = { part: known.newest.part + 1, beganAt: known.now }
    for (const sql of newPartitionSql(names, next.part)) await client.query(sql)
    await relist(client, names, [...known.all, next])
    return true
  })
}

/** Rewrites the list, so that no claim with an older snapshot misses the fence. False: it was dropped already. */
async function dropPartition(
  client: PgClient,
  names: PartitionedNames,
  part: number,
  fence: unknown,
): Promise<boolean> {
  const { all = [] } = (await listing(client, names)) ?? {}
  if (!all.some((one) => one.part === part)) return false
  await client.query(`DROP TABLE ${partitionName(names, part)}`)
  const raise = `UPDATE ${names.floor} SET fence = $1::text::bigint WHERE fence < $1::text::bigint`
  await client.query(raise, [fence === null ? '0' : String(fence)])
  await relist(
    client,
    names,
    all.filter((one) => one.part !== part),
  )
  return true
}

async function relist(client: PgClient, names: PartitionedNames, all: readonly Partition[]): Promise<void> {
  const [empty, fill] = relistSql(names)
  await client.query(empty)
  await client.query(fill, [plainArray(all.map(({ part }) => part)), plainArray(all.map(({ beganAt }) => beganAt))])
}

/** Runs `work` in a transaction, one process at a time. Returns `undefined` if a lock was not granted in time. */
async function briefly<T>(
  client: PgClient,
  schema: string,
  patience: Patience,
  work: () => Promise<T>,
): Promise<T | undefined> {
  await client.query('BEGIN ISOLATION LEVEL READ COMMITTED')
  try {
    await client.query(`SET LOCAL lock_timeout = ${patience.ms}`)
    const lock = 'SELECT pg_try_advisory_xact_lock(hashtextextended($1::text, 0)) AS got'
    const { rows } = await client.query(lock, [`onlyonce ${schema}`])
    const done = truth(rows[0]?.got) === true ? await work() : undefined
    await client.query('COMMIT')
    if (done !== undefined) patience.got()
    return done
  } catch (error) {
    await rollback(client, error)
    const fault = faultOf(error)
    if (fault === 'locked') patience.inVain()
    if (fault === 'locked' || fault === 'again') return undefined
    throw error
  }
}
