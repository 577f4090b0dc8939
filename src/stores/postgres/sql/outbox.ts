import type { OperationId } from '../../../core/record.ts'
import type { Names } from './names.ts'
import { notified } from './record.ts'

/** An idle relay waits under this id, which no operation has. */
export const OUTBOX_WAITER: OperationId = '00000000000000000000000000000000'

/**
 * An id that is in the outbox already is left unchanged: the first transaction to add it decides. Positions follow the
 * order given. A waiting relay is woken when the transaction commits.
 */
export const appendSql = ({ outbox, clock, channel, waiters }: Names, more = ''): string => `
WITH appended AS (
  INSERT INTO ${outbox} (id, topic, headers, ordering_key, created_at, body)
  SELECT id, topic, headers, ordering_key, ${clock}, substring($5::bytea FROM start FOR length)
  FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[], $6::text::int[], $7::text::int[])
    WITH ORDINALITY AS a (id, topic, headers, ordering_key, start, length, n)
  ORDER BY n
  ON CONFLICT (id) DO NOTHING
)
SELECT ${notified(channel, waiters, `'${OUTBOX_WAITER}'::uuid`)} AS woken${more}`

/**
 * One lease for the whole queue; it is granted if free, ours, or expired. No row: another relay holds it. One row
 * without a position: nothing waits. Parked entries are skipped. $1 relay, $2 lease, $3 limit, $4 positions that the
 * relay has in hand: a subquery, because the server hashes it.
 */
export const takeSql = ({ relay, outbox, clock }: Names): string => `
WITH taken AS (
  INSERT INTO ${relay} AS r (holder, until) VALUES ($1::text, ${clock} + $2::text::bigint)
  ON CONFLICT (one) DO UPDATE SET holder = excluded.holder, until = excluded.until
  WHERE r.holder = excluded.holder OR r.until <= ${clock}
  RETURNING holder
)
SELECT w.* FROM taken LEFT JOIN (
  SELECT position, id, topic, body, headers, ordering_key, failures FROM ${outbox}
  WHERE parked_reason IS NULL AND position NOT IN (SELECT unnest($4::text::bigint[]))
  ORDER BY position LIMIT $3::text::bigint
) w ON true ORDER BY w.position`

/** $2: 0 published, 1 failed, 2 parked. $4: failures so far. Locked by position, so that two relays never deadlock. */
export const settleSql = ({ outbox }: Names): string => `
WITH asked AS MATERIALIZED (
  SELECT * FROM unnest($1::text::bigint[], $2::text::smallint[], $3::text::text[], $4::text::int[])
    AS a (position, kind, reason, failures)
), held AS MATERIALIZED (
  SELECT o.position, a.kind, a.reason, a.failures FROM ${outbox} o JOIN asked a ON a.position = o.position
  ORDER BY o.position FOR UPDATE OF o
), published AS (
  DELETE FROM ${outbox} o USING held h WHERE o.position = h.position AND h.kind = 0
)
UPDATE ${outbox} o SET failures = greatest(o.failures, h.failures), last_reason = h.reason,
  parked_reason = CASE WHEN h.kind = 2 THEN h.reason END
FROM held h WHERE o.position = h.position AND h.kind > 0 AND o.parked_reason IS NULL`

/**
 * The same if all were published, the usual case, at half the cost. Two relays rarely settle the same messages at once;
 * a deadlock between them is resolved by the server, and the statement is retried.
 */
export const settlePublishedSql = ({ outbox }: Names): string =>
  `DELETE FROM ${outbox} WHERE position = ANY ($1::text::bigint[])`

export const leaveRelaySql = ({ relay }: Names): string => `DELETE FROM ${relay} WHERE holder = $1::text`

/** Counts by indexes, so that no message body is read. */
export const statsSql = ({ outbox, clock }: Names): string => `
SELECT (SELECT count(*) FROM ${outbox} WHERE parked_reason IS NULL) AS waiting,
  (SELECT count(*) FROM ${outbox} WHERE parked_reason IS NOT NULL) AS parked,
  (SELECT ${clock} - created_at FROM ${outbox} WHERE parked_reason IS NULL ORDER BY position LIMIT 1) AS oldest`

/** $1 limit, $2 only after this position. */
export const parkedSql = ({ outbox, clock }: Names): string => `
SELECT position, id, topic, body, headers, ordering_key, failures, parked_reason AS reason, ${clock} - created_at AS age FROM ${outbox}
WHERE parked_reason IS NOT NULL AND position > $2::text::bigint ORDER BY position LIMIT $1::text::bigint`

/** Locked in the order of positions, as everywhere. */
const heldSql = (outbox: string): string => `
WITH held AS MATERIALIZED (
  SELECT position FROM ${outbox} WHERE position = ANY ($1::text::bigint[]) AND parked_reason IS NOT NULL
  ORDER BY position FOR UPDATE
)`

export const unparkSql = ({ outbox }: Names): string => `${heldSql(outbox)}
UPDATE ${outbox} o SET parked_reason = NULL, failures = 0 FROM held h WHERE o.position = h.position RETURNING o.position`

export const discardSql = ({ outbox }: Names): string => `${heldSql(outbox)}
DELETE FROM ${outbox} o USING held h WHERE o.position = h.position RETURNING o.position`
