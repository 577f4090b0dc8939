import { claimingDone, NO_VALUE } from './claim-done.ts'
import { FEW, type Names } from './names.ts'
import { placing } from './placing.ts'
import { columnsOf } from './record.ts'

/** The operations of a batch: arrays where a single claim has plain values. */
const ASKED = `SELECT a.* FROM patience, unnest($1::text::uuid[], $2::text::text[], $3::text::text[], $4::text::bigint[],
    $5::text::text[], $6::text::text[]) WITH ORDINALITY AS a (id, fingerprint, owner, retention, scope, key, n)
  WHERE ${FEW}`
const SORTED_ANSWER = '(SELECT * FROM answer ORDER BY id) answer'

/** `claimDoneSql` for many operations at once. */
export function claimAllDoneSql(names: Names): string {
  return claimingDone(names, ASKED, { rows: 'free ORDER BY (asked).id', answer: SORTED_ANSWER })
}

/**
 * `claimNewDoneSql` for many operations of one owner and one scope: one insert for those without a record, the rest is
 * only read. The inserted ones come in one row: fences in the order of the ids, and the ids unless all were inserted.
 * An operation in no row was written by a rival that committed after this statement began. $3 owner, $4 retention and
 * $5 scope are those of all.
 */
export function claimAllNewDoneSql(names: Names): string {
  const { operations, floor, clock } = names
  const { column, value, unknown, conflict } = placing(names)
  return `
WITH patience AS MATERIALIZED (
  SELECT old, set_config('lock_timeout', $8::text, true) AS new FROM (SELECT current_setting('lock_timeout') AS old OFFSET 0) c
), asked AS MATERIALIZED (
  SELECT a.* FROM patience, unnest($1::text::uuid[], $2::text::text[], $6::text::text[])
    WITH ORDINALITY AS a (id, fingerprint, key, n)
  WHERE ${FEW}
), granted AS (
  INSERT INTO ${operations} AS o (format, id, scope, key, fingerprint, state, owner, fence, attempt, starts,
    lease_until, retain_until, sweep_after, created_at, result_kind, result_body${column})
  SELECT 1, id, $5::text, key, fingerprint, 2, $3::text, greatest(at, floor + 1, $7::text::bigint + 1), 1, 1,
    at, at + $4::text::bigint, at + $4::text::bigint, at, 0, ${NO_VALUE}${value}
  FROM (SELECT a.*, ${clock} AS at, (SELECT fence FROM ${floor}) AS floor FROM asked a ORDER BY a.id) a${unknown('a.id')}
  ON CONFLICT ${conflict} DO NOTHING
  RETURNING o.id, o.fence
), written AS MATERIALIZED (
  SELECT string_agg(fence::text, ',' ORDER BY id) AS fences, count(*) < (SELECT count(*) FROM asked) AS partly FROM granted
)
SELECT w.fences, CASE WHEN w.partly THEN (SELECT string_agg(id::text, ',' ORDER BY id) FROM granted) END AS ids, known.*,
  set_config('lock_timeout', patience.old, true) AS patience, pg_current_xact_id_if_assigned()::text AS xid
FROM written w CROSS JOIN patience LEFT JOIN LATERAL (
  SELECT ${clock} AS now, ${columnsOf('o')}
  FROM asked a CROSS JOIN LATERAL (SELECT * FROM ${operations} WHERE id = a.id OFFSET 0) o
  WHERE w.partly AND NOT EXISTS (SELECT FROM granted g WHERE g.id = a.id)
) known ON true`
}
