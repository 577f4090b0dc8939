import { lockedSql } from './locked.ts'
import { FEW, type Names } from './names.ts'
import { gone, notified } from './record.ts'

/** Releases running operations. Fingerprint, owner, fence, steps stay: the key is still bound, a repeat recognised. */
export function releaseSql({ operations, clock, waiters, channel }: Names): string {
  return `
WITH asked AS MATERIALIZED (
  SELECT * FROM unnest($1::text::uuid[], $2::text::text[], $3::text::bigint[]) WITH ORDINALITY AS a (id, owner, fence, n)
  WHERE ${FEW}
), judged AS MATERIALIZED (
  SELECT held.*, NOT ${gone('held', 'now')} AS holds
  FROM (SELECT locked.*, ${clock} AS now FROM (${lockedSql(operations, 'o.state <> 2')}) locked) held
), written AS (
  UPDATE ${operations} o SET state = 0, attempt = o.attempt - 1, lease_until = j.now
  FROM judged j WHERE o.id = j.id AND j.holds AND j.state = 1
)
SELECT j.id, ${notified(channel, waiters, 'j.id')} AS woken FROM judged j WHERE j.holds`
}
