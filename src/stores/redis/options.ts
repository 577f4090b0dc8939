import { invalidOption, refuseUnknown } from '../../core/options.ts'
import type { RedisClient } from './client.ts'
import { portOf } from './connect.ts'
import type { RedisPort } from './port.ts'

export interface RedisDurability {
  /** How many replicas must have a claim, or a result, before it is answered. */
  readonly waitReplicas: number
  /** Default 1 000. Shorter than the engine's `storeTimeoutMs`. */
  readonly waitTimeoutMs?: number
}

/** Deduplication only: of a completed operation nothing is kept but that it is done, in about 25 bytes. */
export interface RedisCompact {
  /**
   * Default 86 400 000, a day. How long a completed operation is known; up to half as long again. A claim that asks for
   * longer is refused.
   */
  readonly retentionMs?: number
  /** Default 1 000 000. How many operations are completed in that time, roughly: far off costs bytes or time. */
  readonly keys?: number
}

export interface RedisStoreOptions {
  /** A client of ioredis, node-redis or iovalkey; plain, Sentinel or Cluster. It stays yours and is not closed. */
  readonly client: RedisClient
  /** Default `'onlyonce'`. What every key begins with: letters, digits and `: - _ .`, at most 64. */
  readonly prefix?: string
  /** Default: the answer of the master is enough, and a fail-over may lose the claim with it. Not for a Cluster. */
  readonly durability?: RedisDurability
  /**
   * Default: results are kept. `true`, or with numbers: **a duplicate of a completed operation gets `undefined` in place
   * of its result, and its payload is not compared any more**. Errors, unknown outcomes and what runs are kept in full.
   * Not to be changed while there are records under this prefix.
   */
  readonly compact?: boolean | RedisCompact
  /** Default 5 000. How long one command may take, whatever the client does meanwhile. */
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
/** No braces: they would move the hash tag. No pattern characters: the prefix is part of a SCAN pattern. */
const PREFIX = /^[A-Za-z0-9][A-Za-z0-9:_.-]{0,63}$/
const LONGEST_MS = 3_600_000

/** @throws OnlyonceError OPTION_INVALID naming option, rule and value */
export function resolveRedisOptions(given: RedisStoreOptions): ResolvedRedisOptions {
  const options = Object(given) as Readonly<Record<string, unknown>>
  refuseUnknown(given, KNOWN)
  const { prefix = 'onlyonce', commandTimeoutMs = 5_000 } = options
  if (typeof prefix !== 'string' || !PREFIX.test(prefix)) {
    throw invalidOption('prefix', 'must be at most 64 letters, digits and `: - _ .`, a letter or digit first', prefix)
  }
  const port = portOf(given.client)
  return {
    port,
    prefix,
    durability: options.durability === undefined ? undefined : resolveDurability(options.durability, port),
    compact: resolveCompact(options.compact),
    commandTimeoutMs: milliseconds('commandTimeoutMs', commandTimeoutMs),
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
  return {
    waitReplicas: waitReplicas as number,
    waitTimeoutMs: milliseconds('durability.waitTimeoutMs', waitTimeoutMs),
  }
}

function milliseconds(name: string, value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= LONGEST_MS) return value as number
  throw invalidOption(name, 'must be a whole number of milliseconds from 1 to an hour', value)
}
