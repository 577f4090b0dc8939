import { lockedSql } from './locked.ts'
import { FEW, type Names } from './names.ts'
import { FOREVER, gone, keptHint, notified } from './record.ts'

/**
 * Settles running operations, also after their lease: the owner decides. Of done records only an unknown result (kind
 * 3) is replaced; a repeat changes nothing. $4 kinds, $5 retentions, $6 all bodies concatenated, $7 where each begins,
 * $8 lengths.
 */
export function completeSql({ operations, clock, waiters, channel }: Names): string {
  return `
WITH asked AS MATERIALIZED (
  SELECT * FROM unnest($1::text::uuid[], $2::text::text[], $3::text::bigint[], $4::text::smallint[], $5::text::bigint[],
    $7::text::int[], $8::text::int[]) WITH ORDINALITY AS a (id, owner, fence, kind, retention, start, length, n)
  WHERE ${FEW}
), judged AS MATERIALIZED (
  SELECT held.*, NOT ${gone('held', 'now')} AS holds,
    state = 1 OR (result_kind = 3 AND (asked).kind <> 3) AS writes,
    CASE WHEN (asked).kind = 3 THEN ${FOREVER} ELSE now + (asked).retention END AS retain
  FROM (SELECT locked.*, ${clock} AS now FROM (${lockedSql(operations, 'o.state <> 0')}) locked) held
), written AS (
  UPDATE ${operations} o SET state = 2, lease_until = j.now, retain_until = j.retain,
    sweep_after = ${keptHint('o', 'j.retain')}, steps = NULL, step_count = 0,
    result_kind = (j.asked).kind, result_body = substring($6::bytea FROM (j.asked).start FOR (j.asked).length)
  FROM judged j WHERE o.id = j.id AND j.holds AND j.writes
)
SELECT j.id, ${notified(channel, waiters, 'j.id')} AS woken FROM judged j WHERE j.holds`
}

/** Puts the value into a claim that this transaction has already written as done. */
export function putResultSql({ operations, clock }: Names): string {
  return `
UPDATE ${operations} o SET retain_until = p.retain, sweep_after = ${keptHint('o', 'p.retain')},
  result_kind = $4::text::smallint, result_body = $6::bytea
FROM (SELECT CASE WHEN $4::text::smallint = 3 THEN ${FOREVER} ELSE ${clock} + $5::text::bigint END AS retain) p
WHERE o.id = $1::text::uuid AND o.owner = $2::text AND o.fence = $3::text::bigint AND o.state = 2
RETURNING o.id`
}
