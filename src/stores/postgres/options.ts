import { FOREVER } from '../../core/lifecycle.ts'
import {
  aBoolean,
  aRuntime,
  checkEach,
  invalidKind,
  invalidOption,
  oneOf,
  refuseUnknown,
  upToAnHour,
} from '../../core/option-rules.ts'
import { type Runtime, systemRuntime } from '../../core/runtime.ts'
import type { ClaimRequest } from '../../core/store.ts'
import type { PgClient, PgPool } from './client.ts'

/** How records are divided by the time of their claim. Every process that uses the schema has to give the same. */
export interface PostgresPartitions {
  /** A whole number of milliseconds from 1 000: the age of the newest partition at which a sweep begins the next. */
  readonly everyMs: number
  /**
   * From 1 to 100: how many partitions besides the newest one are searched. A claim whose retention is longer than
   * `everyMs` times this is refused.
   */
  readonly keep: number
}

interface Shared {
  /** Default `'onlyonce'`. The schema of the tables: a plain identifier of at most 48 characters, kept as it is spelled. */
  readonly schema?: string
  /**
   * Default `'auto'`: the first use creates or upgrades the tables. `'check'`, the default when NODE_ENV is
   * `production`: the first use fails if they are missing or old, and names the command that migrates.
   */
  readonly migrate?: 'auto' | 'check'
  /** Default 5 000. Every verb ends by then, including the wait for a connection. Its work may still take effect. */
  readonly timeoutMs?: number
  /** Default 5 000. How long a claim inside a transaction waits for a rival's transaction before it answers `running`. */
  readonly lockWaitMs?: number
  /** Default `true`: statements are prepared by name. `false` behind a pooler that lacks prepared statements. */
  readonly prepare?: boolean
  /**
   * While there are waiters, one connection of the pool listens for the end of their operations. Stores that share a
   * pool take at most half of it for that. A pool of one connection has none to spare, and a `client` is never used for
   * it. Without such a connection waiters poll. Default: where the connection is the server's own. `true`: behind a
   * pooler as well, which has to be in session mode.
   */
  readonly listen?: boolean
  /**
   * Default: one table. For so many records that deleting them one by one costs too much: a record lives in the
   * partition that was newest when it was claimed, and a partition whose records are all past their retention is
   * dropped whole.
   */
  readonly partitions?: PostgresPartitions
  /** Default `systemRuntime`: time limits and pauses. The store's clock is that of the server. */
  readonly runtime?: Runtime
}

/**
 * Options of `postgresStore`: either `pool` or `client`, and the rest. OPTION_INVALID names what is unknown or out of
 * range.
 */
export type PostgresStoreOptions = Shared &
  (
    | {
        /** Your `pg.Pool`. The store never ends it: end it after disposing of the store. */
        readonly pool: PgPool
      }
    | {
        /**
         * Your connected `pg.Client`, used by nothing else meanwhile: verbs and transactions run one at a time, and
         * inside a transaction only its own handle can be used. If its connection is lost, the store is unusable.
         */
        readonly client: PgClient
      }
  )

export interface ResolvedPostgresOptions {
  readonly source: { readonly pool: PgPool } | { readonly client: PgClient }
  readonly schema: string
  readonly migrate: 'auto' | 'check'
  readonly timeoutMs: number
  readonly lockWaitMs: number
  readonly prepare: boolean
  readonly listen: boolean | undefined
  readonly partitions: PostgresPartitions | undefined
  readonly runtime: Runtime
}

const KNOWN = [
  ...['pool', 'client', 'schema', 'migrate', 'timeoutMs', 'lockWaitMs', 'prepare', 'listen', 'partitions', 'runtime'],
]
const SHORTEST_PARTITION_MS = 1_000
/** A lookup by id searches every partition. */
const MOST_PARTITIONS = 100

/** @throws OnlyonceError OPTION_INVALID naming option, rule and value */
export function resolvePostgresOptions(given: PostgresStoreOptions): ResolvedPostgresOptions {
  const options = Object(given) as { readonly [name: string]: unknown }
  refuseUnknown(given, KNOWN)
  const { schema = 'onlyonce', timeoutMs = 5_000, lockWaitMs = 5_000, prepare = true, listen } = options
  const { migrate = process.env.NODE_ENV === 'production' ? 'check' : 'auto', runtime = systemRuntime } = options
  if (typeof schema !== 'string' || !/^[a-z_][a-z0-9_]{0,47}$/i.test(schema)) {
    throw invalidOption('schema', 'must be a plain identifier of at most 48 characters', schema)
  }
  checkEach(oneOf('auto', 'check'), { migrate })
  checkEach(aBoolean, { prepare, ...(listen === undefined ? {} : { listen }) })
  checkEach(upToAnHour(), { timeoutMs, lockWaitMs })
  checkEach(aRuntime, { runtime })
  return Object.freeze({
    source: checkedSource(options),
    schema,
    migrate: migrate as ResolvedPostgresOptions['migrate'],
    timeoutMs: timeoutMs as number,
    lockWaitMs: lockWaitMs as number,
    prepare: prepare as boolean,
    listen: listen as boolean | undefined,
    partitions: checkedPartitions(options.partitions),
    runtime: runtime as Runtime,
  })
}

/** Called before the effect runs. @throws OnlyonceError OPTION_INVALID for a record that would outlive its partition */
export function refuseLonger(partitions: PostgresPartitions | undefined, requests: readonly ClaimRequest[]): void {
  if (partitions === undefined) return
  const longestMs = partitions.everyMs * partitions.keep
  const longer = requests.find(({ retentionMs }) => retentionMs > longestMs)
  if (longer === undefined) return
  const rule = `must not be above partitions.everyMs times partitions.keep (${longestMs})`
  throw invalidOption('retentionMs', rule, longer.retentionMs)
}

function checkedPartitions(given: unknown): PostgresPartitions | undefined {
  if (given === undefined) return undefined
  const { everyMs, keep, ...others } = Object(given) as Readonly<Record<string, unknown>>
  const [unknown] = Object.keys(others)
  if (Object(given) !== given || unknown !== undefined)
    throw invalidOption('partitions', 'must be { everyMs, keep }', unknown ?? given)
  if (!Number.isSafeInteger(everyMs) || (everyMs as number) < SHORTEST_PARTITION_MS || (everyMs as number) > FOREVER)
    throw invalidOption(
      'partitions.everyMs',
      `must be a whole number of milliseconds from ${SHORTEST_PARTITION_MS}`,
      everyMs,
    )
  if (!Number.isSafeInteger(keep) || (keep as number) < 1 || (keep as number) > MOST_PARTITIONS)
    throw invalidOption('partitions.keep', `must be a whole number from 1 to ${MOST_PARTITIONS}`, keep)
  return Object.freeze({ everyMs: everyMs as number, keep: keep as number })
}

/** The value given is never printed: it may hold a password. */
function checkedSource({ pool, client }: { readonly [name: string]: unknown }): ResolvedPostgresOptions['source'] {
  if (pool !== undefined && client !== undefined)
    throw invalidKind('client', 'cannot be given together with `pool`', client)
  if (pool !== undefined) {
    if (typeof Object(pool).connect !== 'function')
      throw invalidKind('pool', 'must be a pg.Pool or have its connect()', pool)
    if (isConnection(pool))
      throw invalidKind('pool', 'must be a pg.Pool, and this is one connection: give it as `client`', pool)
    return { pool: pool as PgPool }
  }
  if (typeof Object(client).query !== 'function')
    throw invalidKind('pool', 'is required: a pg.Pool, or give one pg.Client as `client`', client)
  if (isPool(client))
    throw invalidKind(
      'client',
      'must be one connection, and this runs each statement on any of its own: give it as `pool`',
      client,
    )
  return { client: client as PgClient }
}

/** Both have `connect` and `query`. Taken for a client, a pool would commit each statement of a transaction by itself. */
const isPool = (given: unknown): boolean => typeof Object(given).totalCount === 'number'
const isConnection = (given: unknown): boolean => typeof Object(given).escapeLiteral === 'function'
