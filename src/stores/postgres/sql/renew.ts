import { lockedSql } from './locked.ts'
import { FEW, type Names } from './names.ts'
import { gone, keptHint } from './record.ts'

/** Extends leases and keeps the longer list of steps. Never an upsert: a late heartbeat brings no record back. */
export function renewSql({ operations, clock }: Names): string {
  return `
WITH asked AS MATERIALIZED (
  SELECT * FROM unnest($1::text::uuid[], $2::text::text[], $3::text::bigint[], $4::text::bigint[], $5::text::bigint[],
    $6::text::text[], $7::text::int[]) WITH ORDINALITY AS a (id, owner, fence, lease, retention, steps, step_count, n)
  WHERE ${FEW}
), judged AS MATERIALIZED (
  SELECT held.*, NOT ${gone('held', 'now')} AS holds
  FROM (SELECT locked.*, ${clock} AS now FROM (${lockedSql(operations, 'o.state = 1')}) locked) held
), written AS (
  UPDATE ${operations} o SET
    lease_until = greatest(o.lease_until, j.now + (j.asked).lease),
    retain_until = greatest(o.retain_until, j.now + (j.asked).lease + (j.asked).retention),
    sweep_after = ${keptHint('o', 'j.now + (j.asked).retention')},
    steps = CASE WHEN (j.asked).step_count > o.step_count THEN (j.asked).steps ELSE o.steps END,
    step_count = greatest(o.step_count, (j.asked).step_count)
  FROM judged j WHERE o.id = j.id AND j.holds
)
SELECT id FROM judged WHERE holds`
}
