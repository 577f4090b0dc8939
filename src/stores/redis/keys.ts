import type { OperationId } from '../../core/record.ts'
import type { RedisCompact } from './options.ts'

/** How an operation is found: one key, or under `compact` one key and the buckets of its group, all in one slot. */
export interface Keys {
  of(id: OperationId): string
  /** Those of a script that looks into buckets, where a slot may move: see compact.lua. */
  whileMoving(id: OperationId): readonly string[]
  /** What finds every key of the store in SCAN. */
  readonly pattern: string
}

/** Below the 128 that a bucket holds by far enough that few need a second one. */
const USUAL_ENTRIES = 96
/** An epoch is half of the retention. */
const EPOCHS = 2

export function createKeys(prefix: string, compact: Required<RedisCompact> | undefined): Keys {
  if (compact === undefined) {
    const of = (id: OperationId) => `${prefix}:{${id}}`
    return { of, whileMoving: (id) => [of(id)], pattern: `${prefix}:{*}` }
  }
  const groups = Math.max(1, Math.ceil(compact.keys / EPOCHS / USUAL_ENTRIES))
  // The id is a digest: any of its bits spread evenly.
  const groupOf = (id: OperationId) => (Number.parseInt(id.slice(0, 12), 16) % groups).toString(36)
  const front = (id: OperationId) => `${prefix}:{${groupOf(id)}}:`
  const of = (id: OperationId) => `${front(id)}${id}`
  return { of, whileMoving: (id) => [of(id), `${front(id)}-`], pattern: `${prefix}:{*}:*` }
}

/** The id that a key ends in; `undefined` for a bucket and for what is not ours. */
export function idIn(key: string): OperationId | undefined {
  return /([0-9a-f]{32})\}?$/.exec(key)?.[1]
}
