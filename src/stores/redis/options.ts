import { checkEach, invalidOption, refuseUnknown, upToAnHour } from '../../core/option-rules.ts'
import type { RedisClient } from './client.ts'
import { portOf } from './connect.ts'
import type { RedisPort } from './port.ts'

/** How many replicas must have a write. When they do not answer in time, the verb is refused with STORE_UNAVAILABLE. */
export interface RedisDurability {
  /** Number of replicas that must have a claim, or a result, before the verb succeeds. */
  readonly waitReplicas: number
  /** Default 1 000. Keep it below half of the engine's `storeTimeoutMs`, after which the engine retries. */
  readonly waitTimeoutMs?: number
}

/** Deduplication only: of a completed operation the store keeps only that it is done, in about 25 bytes. */
export interface RedisCompact {
  /**
   * Default 86 400 000, a day. How long a completed operation is known, at least; at most half as long again. A claim
   * with a longer retention is refused.
   */
  readonly retentionMs?: number
  /** Default 1 000 000. Operations completed in that time, approximately; a wrong estimate costs memory or time. */
  readonly keys?: number
}

/** Options of `redisStore`; OPTION_INVALID names what is unknown or out of range. */
export interface RedisStoreOptions {
  /** A client of ioredis, node-redis or iovalkey; plain, Sentinel or Cluster. The store does not close it. */
  readonly client: RedisClient
  /** Default `'onlyonce'`. What every key begins with: letters, digits and `: - _ .`, at most 64. */
  readonly prefix?: string
  /** Default: only the master must have a write, and a fail-over may lose it. Not for a Cluster. */
  readonly durability?: RedisDurability
  /**
   * Default: results are kept. `true` or an object: **a duplicate of a completed operation gets `undefined` instead of
   * its result, and its payload is not compared any more**. Errors, unknown results and running operations are kept in
   * full. Do not change it while there are records under this prefix.
   */
  readonly compact?: boolean | RedisCompact
  /** Default 5 000. Time limit of one call to Redis, including what the client does meanwhile and loading a script. */
  readonly commandTimeoutMs?: number
}

export interface ResolvedRedisOptions {
  readonly port: RedisPort
  readonly prefix: string
  readonly durability: Required<RedisDurability> | undefined
  readonly compact: Required<RedisCompact> | undefined
  readonly commandTimeoutMs: number
}

const KNOWN = ['client', 'prefix', 'durability', 'compact', 'commandTimeoutMs']
const COMPACT = { retentionMs: 86_400_000, keys: 1_000_000 }
const KNOWN_DURABILITY = ['waitReplicas', 'waitTimeoutMs']
/** No braces: they would change the hash tag. No pattern characters: the prefix is part of a SCAN pattern. */
const PREFIX = /^[A-Za-z0-9][A-Za-z0-9:_.-]{0,63}$/

/** @throws OnlyonceError OPTION_INVALID naming option, rule and value */
export function resolveRedisOptions(given: RedisStoreOptions): ResolvedRedisOptions {
  const options = Object(given) as Readonly<Record<string, unknown>>
  refuseUnknown(given, KNOWN)
  const { prefix = 'onlyonce', commandTimeoutMs = 5_000 } = options
  if (typeof prefix !== 'string' || !PREFIX.test(prefix)) {
    throw invalidOption('prefix', 'must be at most 64 letters, digits and `: - _ .`, a letter or digit first', prefix)
  }
  checkEach(upToAnHour(), { commandTimeoutMs })
  const port = portOf(options.client as RedisClient)
  return {
    port,
    prefix,
    durability: options.durability === undefined ? undefined : resolveDurability(options.durability, port),
    compact: resolveCompact(options.compact),
    commandTimeoutMs: commandTimeoutMs as number,
  }
}

function resolveCompact(given: unknown): Required<RedisCompact> | undefined {
  if (given === undefined || given === false) return undefined
  if (given !== true && (typeof given !== 'object' || given === null)) {
    throw invalidOption('compact', 'must be true, false or { retentionMs, keys }', given)
  }
  const options: Record<string, unknown> = given === true ? {} : { ...given }
  refuseUnknown(options, Object.keys(COMPACT), 'compact.')
  for (const [name, value] of Object.entries(options)) {
    if (!Number.isSafeInteger(value) || (value as number) < 2) {
      throw invalidOption(`compact.${name}`, 'must be a whole number from 2', value)
    }
  }
  return { ...COMPACT, ...options }
}

function resolveDurability(given: unknown, port: RedisPort): Required<RedisDurability> {
  const options = Object(given) as Readonly<Record<string, unknown>>
  refuseUnknown(given, KNOWN_DURABILITY, 'durability.')
  const { waitReplicas, waitTimeoutMs = 1_000 } = options
  if (!Number.isSafeInteger(waitReplicas) || (waitReplicas as number) < 1) {
    throw invalidOption('durability.waitReplicas', 'must be a whole number from 1', waitReplicas)
  }
  if (port.together === undefined) {
    const rule = 'needs a client with one connection to one master: not a Cluster, not a Sentinel pool of node-redis'
    throw invalidOption('durability', rule, options)
  }
  checkEach(upToAnHour(), { 'durability.waitTimeoutMs': waitTimeoutMs })
  return {
    waitReplicas: waitReplicas as number,
    waitTimeoutMs: waitTimeoutMs as number,
  }
}
