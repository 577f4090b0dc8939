import { asked, BIG, bytes, optional, TEXT } from './asked.ts'
import type { Names } from './names.ts'

/** As `found`, for entries by position. */
function positions(fields: Readonly<Record<string, string>>, outbox: string): string {
  return `${asked({ position: BIG, ...fields })} STRAIGHT_JOIN ${outbox} o FORCE INDEX (PRIMARY) ON o.position = a.position`
}

/** A message whose id is already in the table is ignored: the first one stays. Positions are in the order given. */
export const appendSql = ({ outbox, clock }: Names): string => `
INSERT INTO ${outbox} (id, topic, headers, ordering_key, body, created_at)
SELECT ${bytes('a.id')}, ${bytes('a.topic')}, ${bytes('a.headers')}, ${optional('a.ordering_key')}, ${bytes('a.body')}, ${clock}
FROM ${asked({ id: TEXT, topic: TEXT, headers: TEXT, ordering_key: TEXT, body: TEXT })} ORDER BY a.n
ON DUPLICATE KEY UPDATE ${outbox}.failures = ${outbox}.failures`

/** Takes the single relay lease if it is free, ours or expired. Parameters: lease in microseconds, relay, relay. */
export const takeLeaseSql = ({ relay, clock }: Names): string => `
UPDATE ${relay} SET until = ${clock} + CAST(? AS SIGNED), holder = ${bytes('?')}
WHERE one = 1 AND (holder = ${bytes('?')} OR until <= ${clock})`

/**
 * No row: another relay holds the lease. One row without a position: no entry waits. Parked entries are skipped. The
 * rows of the first parameter are the positions that the relay already holds.
 */
export const waitingSql = ({ relay, outbox }: Names, limit: number): string => `
SELECT w.* FROM ${relay} r LEFT JOIN (
  SELECT position, id, topic, body, headers, ordering_key, failures FROM ${outbox}
  WHERE parked = 0 AND position NOT IN (SELECT a.position FROM ${asked({ position: BIG })})
  ORDER BY position LIMIT ${limit}
) w ON TRUE WHERE r.one = 1 AND r.holder = ${bytes('?')} ORDER BY w.position`

export const publishedSql = ({ outbox }: Names): string => `DELETE o FROM ${positions({}, outbox)}`

export const failedSql = ({ outbox }: Names): string => `
UPDATE ${positions({ parks: BIG, reason: TEXT, failures: BIG }, outbox)}
SET o.failures = GREATEST(o.failures, a.failures), o.last_reason = ${bytes('a.reason')}, o.parked = a.parks WHERE o.parked = 0`

export const leaveRelaySql = ({ relay }: Names): string =>
  `UPDATE ${relay} SET until = 0, holder = '' WHERE one = 1 AND holder = ${bytes('?')}`

/** Counts along an index, so that no message body is read. */
export const statsSql = ({ outbox, clock }: Names): string => `
SELECT (SELECT COUNT(*) FROM ${outbox} WHERE parked = 0) AS waiting,
  (SELECT COUNT(*) FROM ${outbox} WHERE parked = 1) AS parked,
  CAST((SELECT ${clock} - created_at FROM ${outbox} WHERE parked = 0 ORDER BY position LIMIT 1) AS CHAR) AS oldest`

/** The reason of a parked entry is its `last_reason`. */
export const parkedSql = ({ outbox, clock }: Names, limit: number): string => `
SELECT position, id, topic, body, headers, ordering_key, failures, last_reason AS reason,
  CAST(${clock} - created_at AS CHAR) AS age FROM ${outbox}
WHERE parked = 1 AND position > CAST(? AS SIGNED) ORDER BY position LIMIT ${limit}`

export const unparkSql = ({ outbox }: Names): string => `
UPDATE ${positions({}, outbox)} SET o.parked = 0, o.failures = 0 WHERE o.parked = 1`

export const discardSql = ({ outbox }: Names): string => `DELETE o FROM ${positions({}, outbox)} WHERE o.parked = 1`
