/**
 * All statements on records. Placeholders are bare `?`: better-sqlite3 takes `?1` for a name.
 * `lifecycle.ts` decides while BEGIN IMMEDIATE holds the write lock; the conditions here repeat what must hold for the
 * write, so that a statement outside of its transaction changes nothing instead of doing harm.
 */

const COLUMNS = `format, id, scope, key, fingerprint, state, owner, fence, attempt, starts,
  lease_until, retain_until, created_at, steps, result_kind, result_body`

/** The order of `toParams`. */
export const LOAD = `SELECT ${COLUMNS} FROM onlyonce_operations WHERE id = ?`

/** One statement, so one snapshot, for any number of ids. */
export const FIND = `SELECT ${COLUMNS} FROM onlyonce_operations WHERE id IN (SELECT value FROM json_each(?))`

/**
 * The first claim of an operation, as most claims are, without a read before it. Writes nothing if there is a record
 * already, or if a removed record had a fence that is not smaller.
 */
export const CLAIM_FRESH = `
INSERT INTO onlyonce_operations (${COLUMNS}) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
WHERE NOT EXISTS (SELECT 1 FROM onlyonce_meta WHERE name = 'fence_floor' AND number >= ?)
ON CONFLICT (id) DO NOTHING`

/** A claim always raises the fence, so the row of a newer owner is never overwritten. */
export const CLAIM = `
INSERT INTO onlyonce_operations (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
  format = excluded.format, scope = excluded.scope, key = excluded.key, fingerprint = excluded.fingerprint,
  state = excluded.state, owner = excluded.owner, fence = excluded.fence, attempt = excluded.attempt,
  starts = excluded.starts, lease_until = excluded.lease_until, retain_until = excluded.retain_until,
  created_at = excluded.created_at, steps = excluded.steps, result_kind = excluded.result_kind,
  result_body = excluded.result_body
WHERE onlyonce_operations.fence < excluded.fence`

/** An update, never an upsert: a late heartbeat cannot bring a purged record back. NULL steps: keep those stored. */
export const RENEW = `
UPDATE onlyonce_operations SET lease_until = ?, retain_until = ?, steps = coalesce(?, steps)
WHERE id = ? AND owner = ? AND fence = ? AND state = 'running'`

/** True for a row that can be completed without being decoded: no steps, no packed text, no sign of damage. */
const PLAIN = `steps IS NULL AND result_kind IS NULL AND attempt >= 1 AND starts >= 1
  AND max(lease_until, retain_until, created_at) <= 8640000000000000 AND min(lease_until, retain_until, created_at) >= 0
  AND ifnull(substr(scope, 1, 1), '') <> '"' AND ifnull(substr(key, 1, 1), '') <> '"' AND substr(fingerprint, 1, 1) <> '"'`

/** Completes an operation that is running, ours and within retention, as nearly all are, without a read before it. */
export const COMPLETE_RUNNING = `
UPDATE onlyonce_operations SET state = 'done', lease_until = ?, retain_until = ?, steps = NULL, result_kind = ?, result_body = ?
WHERE id = ? AND owner = ? AND fence = ? AND state = 'running' AND format = ? AND (retain_until > ? OR lease_until > ?)
  AND ${PLAIN}`

/** An unknown result is the only one that is ever replaced. */
export const COMPLETE = `
UPDATE onlyonce_operations SET state = 'done', lease_until = ?, retain_until = ?, steps = NULL, result_kind = ?, result_body = ?
WHERE id = ? AND owner = ? AND fence = ? AND (state = 'running' OR result_kind = 'unknown')`

/** Fingerprint, owner and fence stay: the key remains bound, and a repeated release is recognised. */
export const RELEASE = `
UPDATE onlyonce_operations SET state = 'idle', attempt = ?, lease_until = ?
WHERE id = ? AND owner = ? AND fence = ? AND state = 'running'`

/** Stores the value with a claim that this transaction has already written as done. */
export const PUT_RESULT = `
UPDATE onlyonce_operations SET retain_until = ?, result_kind = ?, result_body = ?
WHERE id = ? AND owner = ? AND fence = ? AND state = 'done'`

/** A damaged fence must neither prevent the removal of its record nor become the floor of all others. */
const REMOVED = 'id, iif(fence < 9007199254740991, fence, 0) AS fence'

export const FORGET = `DELETE FROM onlyonce_operations WHERE id = ? RETURNING ${REMOVED}`

/** Oldest deadline first, by its index. Never removes a record whose lease is valid, whatever its retention. */
export const SWEEP = `
DELETE FROM onlyonce_operations WHERE rowid IN (
  SELECT rowid FROM onlyonce_operations WHERE retain_until <= ? AND lease_until <= ? ORDER BY retain_until LIMIT ?
) RETURNING ${REMOVED}`

export const OVERDUE =
  'SELECT count(*) AS number, min(retain_until) AS oldest FROM onlyonce_operations WHERE retain_until <= ? AND lease_until <= ?'

/** The largest fence of any record that was removed: fences grow across forget, sweep, and a clock that is set back. */
export const FENCE_FLOOR = "SELECT number FROM onlyonce_meta WHERE name = 'fence_floor'"
export const RAISE_FENCE_FLOOR = `
INSERT INTO onlyonce_meta (name, number) VALUES ('fence_floor', ?)
ON CONFLICT (name) DO UPDATE SET number = max(number, excluded.number)`

/** Takes the write lock of a transaction that the caller began without IMMEDIATE, and changes nothing. */
export const TAKE_WRITE_LOCK = 'DELETE FROM onlyonce_operations WHERE 0'

const IN_STATE = {
  any: '',
  idle: "AND state = 'idle'",
  running: "AND state = 'running'",
  done: "AND state = 'done'",
  abandoned: "AND state = 'running' AND lease_until <= ?",
  unknown: "AND result_kind = 'unknown'",
} as const

export type ListedState = keyof typeof IN_STATE

/** Sorted by id. `running`, `abandoned` and `unknown` have an index of their own; the others scan the records. */
export function listSql(state: ListedState, scoped: boolean): string {
  return `
SELECT ${COLUMNS} FROM onlyonce_operations
WHERE id > ? AND (retain_until > ? OR lease_until > ?) ${IN_STATE[state]} ${scoped ? 'AND scope = ?' : ''}
ORDER BY id LIMIT ?`
}
