import { FEW, type Names } from './names.ts'
import { grantingSql } from './placing.ts'
import { claimable, columnsOf, gone, keptHint } from './record.ts'

/**
 * Grants each operation to one owner, or returns its record.
 *
 * A record that is not free is only read: a duplicate writes nothing. An operation in neither part of the answer was
 * changed by a rival that committed after this statement's snapshot; it has to be claimed again. Rows are written in
 * the order of their ids, so that two batches never deadlock. The clock is read before the wait for a rival's row and
 * used after it: an older time can only refuse, never take over early.
 */
export function claimSql(names: Names): string {
  const { operations, floor, clock } = names
  return `
WITH asked AS MATERIALIZED (
  SELECT * FROM unnest($1::text::uuid[], $2::text::text[], $3::text::text[], $4::text::bigint[], $5::text::bigint[],
    $6::text::text[], $7::text::text[]) WITH ORDINALITY AS a (id, fingerprint, owner, lease, retention, scope, key, n)
  WHERE ${FEW}
), looked AS MATERIALIZED (
  SELECT found.*, id IS NULL OR ${claimable('found', '(asked)', 'now')} AS free FROM (
    SELECT a AS asked, a.n, ${columnsOf('o')}, ${clock} AS now
    FROM asked a LEFT JOIN LATERAL (SELECT * FROM ${operations} WHERE id = a.id OFFSET 0) o ON true
  ) found
), ${grantingSql(names, {
    columns: `format, id, scope, key, fingerprint, state, owner, fence, attempt, starts,
    lease_until, retain_until, sweep_after, created_at`,
    wanted: `SELECT 1, (asked).id, (asked).scope, (asked).key, (asked).fingerprint, 1, (asked).owner,
    greatest(at, known + 1), 1, 1, at + (asked).lease, at + (asked).lease + (asked).retention, at + (asked).retention, at
  FROM (
    SELECT asked, ${clock} AS at, greatest(fence, (SELECT fence FROM ${floor}), $8::text::bigint) AS known
    FROM looked WHERE free ORDER BY (asked).id
  ) free`,
    set: `${takenOver('o', 'excluded')}, state = 1,
    lease_until = excluded.lease_until, retain_until = excluded.retain_until,
    result_kind = NULL, result_body = NULL`,
    where: claimable('o', 'excluded', 'excluded.created_at'),
  })}
SELECT true AS granted, NULL::bigint AS now, NULL::smallint AS format, id, NULL AS scope, NULL AS key, NULL AS fingerprint,
  NULL::smallint AS state, NULL AS owner, fence, attempt, starts, NULL::bigint AS lease_until, NULL::bigint AS retain_until,
  NULL::bigint AS created_at, steps, NULL::smallint AS result_kind, NULL::bytea AS result_body
FROM granted
UNION ALL
SELECT false, l.now, ${columnsOf('l')} FROM looked l WHERE NOT l.free`
}

/**
 * What a claim, leased or atomic, writes to an existing row. A row past its retention is treated as absent. `mine`: the
 * owner holds it by a lease already, so fence, attempt and starts stay.
 */
export function takenOver(o: string, asked: string, mine = 'false'): string {
  const fresh = gone(o, `${asked}.created_at`)
  const or = (first: string, held: string, later: string) =>
    `CASE WHEN ${fresh} THEN ${first} WHEN ${mine} THEN ${held} ELSE ${later} END`
  return `format = 1, scope = ${asked}.scope, key = ${asked}.key, fingerprint = ${asked}.fingerprint, owner = ${asked}.owner,
    fence = CASE WHEN ${mine} THEN ${o}.fence ELSE greatest(${o}.fence + 1, ${asked}.fence) END,
    attempt = ${or('1', `${o}.attempt`, `${o}.attempt + 1`)}, starts = ${or('1', `${o}.starts`, `${o}.starts + 1`)},
    created_at = ${or(`${asked}.created_at`, `${o}.created_at`, `${o}.created_at`)},
    steps = ${or('NULL', `${o}.steps`, `${o}.steps`)}, step_count = ${or('0', `${o}.step_count`, `${o}.step_count`)},
    sweep_after = ${keptHint(o, `${asked}.sweep_after`)}`
}
