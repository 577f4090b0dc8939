import type { OperationId } from '../../core/record.ts'
import type { RedisCompact } from './options.ts'

/** Keys of an operation: one key; under `compact` also the buckets of its group, in the same slot. */
export interface Keys {
  of(id: OperationId): string
  /** Returns the KEYS of a script that reads buckets in a Cluster, where a slot may be moving: see compact.lua. */
  whileMoving(id: OperationId): readonly string[]
  /** SCAN pattern that matches every key of the store. */
  readonly pattern: string
}

/** Mean number of entries per bucket: so far below its 128 that few groups need a second bucket. */
const USUAL_ENTRIES = 96
/** An epoch is half of the retention. */
const EPOCHS = 2

export function createKeys(prefix: string, compact: Required<RedisCompact> | undefined): Keys {
  if (compact === undefined) {
    const of = (id: OperationId) => `${prefix}:{${id}}`
    return { of, whileMoving: (id) => [of(id)], pattern: `${prefix}:{*}` }
  }
  const groups = Math.max(1, Math.ceil(compact.keys / EPOCHS / USUAL_ENTRIES))
  // The id is a digest, so any of its bits are evenly distributed.
  const groupOf = (id: OperationId) => (Number.parseInt(id.slice(0, 12), 16) % groups).toString(36)
  const front = (id: OperationId) => `${prefix}:{${groupOf(id)}}:`
  const of = (id: OperationId) => `${front(id)}${id}`
  return { of, whileMoving: (id) => [of(id), `${front(id)}-`], pattern: `${prefix}:{*}:*` }
}

/** Returns the id that a key ends in; `undefined` for a bucket and for foreign keys. */
export function idIn(key: string): OperationId | undefined {
  return /([0-9a-f]{32})\}?$/.exec(key)?.[1]
}
