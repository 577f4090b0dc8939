import type { Names } from './names.ts'
import { placing } from './placing.ts'
import { columnsOf, FOREVER, gone, keptHint, notified } from './record.ts'

/**
 * A single claim of an operation without a record: the usual first call. An existing record is only read; if it turns
 * out to be free, or was changed meanwhile, the batch statement decides. Each part is estimated to return one row, with
 * or without the values: otherwise the server would plan it anew at every call, which takes longer than to run it.
 */
export function claimLoneSql(names: Names): string {
  const { operations, floor, clock } = names
  const { column, value, unknown, conflict } = placing(names)
  return `
WITH granted AS (
  INSERT INTO ${operations} AS o (format, id, scope, key, fingerprint, state, owner, fence, attempt, starts,
    lease_until, retain_until, sweep_after, created_at${column})
  SELECT 1, $1::text::uuid, $6::text, $7::text, $2::text, 1, $3::text, greatest(at, f.fence + 1, $8::text::bigint + 1), 1, 1,
    at + $4::text::bigint, at + $4::text::bigint + $5::text::bigint, at + $5::text::bigint, at${value}
  FROM (SELECT (SELECT fence FROM ${floor}) AS fence, ${clock} AS at OFFSET 0) f${unknown('$1::text::uuid')}
  ON CONFLICT ${conflict} DO NOTHING
  RETURNING o.id, o.fence, o.attempt, o.starts, o.steps
)
SELECT true AS granted, NULL::bigint AS now, NULL::smallint AS format, id, NULL AS scope, NULL AS key, NULL AS fingerprint,
  NULL::smallint AS state, NULL AS owner, fence, attempt, starts, NULL::bigint AS lease_until, NULL::bigint AS retain_until,
  NULL::bigint AS created_at, steps, NULL::smallint AS result_kind, NULL::bytea AS result_body
FROM granted
UNION ALL
SELECT false, ${clock}, ${columnsOf('o')} FROM ${operations} o
WHERE o.id = $1::text::uuid AND NOT EXISTS (SELECT FROM granted)`
}

/** Settles one running operation. If no row comes back, the batch statement reports what is there. */
export function completeLoneSql({ operations, clock, waiters, channel }: Names): string {
  return `
UPDATE ${operations} o SET state = 2, lease_until = c.now, retain_until = c.retain,
  sweep_after = ${keptHint('o', 'c.retain')}, steps = NULL, step_count = 0,
  result_kind = $4::text::smallint, result_body = $6::bytea
FROM (
  SELECT now, CASE WHEN $4::text::smallint = 3 THEN ${FOREVER} ELSE now + $5::text::bigint END AS retain
  FROM (SELECT ${clock} AS now OFFSET 0) t
) c
WHERE o.id = $1::text::uuid AND o.owner = $2::text AND o.fence = $3::text::bigint AND o.state = 1
  AND NOT ${gone('o', 'c.now')}
RETURNING o.id, ${notified(channel, waiters, 'o.id')} AS woken`
}
