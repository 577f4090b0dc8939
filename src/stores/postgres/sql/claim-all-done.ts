import { claimingDone, NO_VALUE } from './claim-done.ts'
import { FEW, type Names } from './names.ts'
import { columnsOf } from './record.ts'

/** The operations of a batch: arrays where a single claim has values. */
const ASKED = `SELECT a.* FROM patience, unnest($1::text::uuid[], $2::text::text[], $3::text::text[], $4::text::bigint[],
    $5::text::text[], $6::text::text[]) WITH ORDINALITY AS a (id, fingerprint, owner, retention, scope, key, n)
  WHERE ${FEW}`
const SORTED_ANSWER = '(SELECT * FROM answer ORDER BY id) answer'

/** `claimDoneSql` for many operations at once. */
export function claimAllDoneSql(names: Names): string {
  return claimingDone(names, ASKED, { rows: 'free ORDER BY (asked).id', answer: SORTED_ANSWER })
}

/**
 * `claimNewDoneSql` for many operations at once: one insert for those that nobody knows, the rest is only read. An
 * operation without a row in the answer was written by a rival who committed after this statement had begun.
 */
export function claimAllNewDoneSql({ operations, floor, clock }: Names): string {
  return `
WITH patience AS MATERIALIZED (
  SELECT old, set_config('lock_timeout', $8::text, true) AS new FROM (SELECT current_setting('lock_timeout') AS old OFFSET 0) c
), asked AS MATERIALIZED (
  ${ASKED}
), granted AS (
  INSERT INTO ${operations} AS o (format, id, scope, key, fingerprint, state, owner, fence, attempt, starts,
    lease_until, retain_until, sweep_after, created_at, result_kind, result_body)
  SELECT 1, id, scope, key, fingerprint, 2, owner, greatest(at, floor + 1, $7::text::bigint + 1), 1, 1,
    at, at + retention, at + retention, at, 0, ${NO_VALUE}
  FROM (SELECT a.*, ${clock} AS at, (SELECT fence FROM ${floor}) AS floor FROM asked a ORDER BY a.id) a
  ON CONFLICT (id) DO NOTHING
  RETURNING o.id, o.fence, o.attempt, o.starts, o.steps
), known AS MATERIALIZED (
  SELECT a.id FROM asked a WHERE NOT EXISTS (SELECT FROM granted g WHERE g.id = a.id)
), answer AS (
  SELECT true AS granted, NULL::bigint AS now, NULL::smallint AS format, id, NULL AS scope, NULL AS key, NULL AS fingerprint,
    NULL::smallint AS state, NULL AS owner, fence, attempt, starts, NULL::bigint AS lease_until, NULL::bigint AS retain_until,
    NULL::bigint AS created_at, steps, NULL::smallint AS result_kind, NULL::bytea AS result_body
  FROM granted
  UNION ALL
  SELECT false, ${clock}, ${columnsOf('o')}
  FROM known k CROSS JOIN LATERAL (SELECT * FROM ${operations} WHERE id = k.id OFFSET 0) o
)
SELECT answer.*, set_config('lock_timeout', patience.old, true) AS patience, pg_current_xact_id_if_assigned()::text AS xid
FROM patience LEFT JOIN ${SORTED_ANSWER} ON true`
}
