import { encodeResult } from '../../../core/codec.ts'
import { takenOver } from './claim.ts'
import type { Names } from './names.ts'
import { grantingSql, placing } from './placing.ts'
import { claimable, columnsOf, gone } from './record.ts'

/** The result of a claim until its value is put: `undefined`, encoded. No setting changes how an E string is read. */
export const NO_VALUE = `E'\\\\x${Buffer.from(encodeResult(undefined)).toString('hex')}'::bytea`

/**
 * A claim inside an open transaction, written as done. A rival's row is waited for at most $8: the lock timeout is set
 * before the row is touched and restored with the answer; after an error the rollback to the savepoint restores it. The
 * steps of an abandoned owner stay in the row, to be handed on; a done record shows none. `xid` is the transaction's
 * id, to ask for its status if the answer to COMMIT is lost.
 */
export function claimDoneSql(names: Names): string {
  return claimingDone(
    names,
    `SELECT $1::text::uuid AS id, $2::text AS fingerprint, $3::text AS owner, $4::text::bigint AS retention,
    $5::text AS scope, $6::text AS key FROM patience`,
    { rows: 'free', answer: 'answer' },
  )
}

/**
 * `asked` has one row per claimed operation. If there are several, `order` sorts the written rows and the answer by id:
 * the written rows so that two batches never deadlock, the answer so that all rows are written before its first row
 * restores the lock timeout.
 */
export function claimingDone(
  names: Names,
  asked: string,
  order: { readonly rows: string; readonly answer: string },
): string {
  const { operations, floor, clock } = names
  const mine = (o: string, asked: string, now: string) =>
    `(${o}.owner = ${asked}.owner AND ${o}.state = 1 AND ${o}.fingerprint = ${asked}.fingerprint AND ${o}.format = 1 AND NOT ${gone(o, now)})`
  const free = (o: string, asked: string, now: string) => `(${claimable(o, asked, now)} OR ${mine(o, asked, now)})`
  return `
WITH patience AS MATERIALIZED (
  SELECT old, set_config('lock_timeout', $8::text, true) AS new FROM (SELECT current_setting('lock_timeout') AS old OFFSET 0) c
), asked AS MATERIALIZED (
  ${asked}
), looked AS MATERIALIZED (
  SELECT found.*, id IS NULL OR ${free('found', '(asked)', 'now')} AS free FROM (
    SELECT a AS asked, ${columnsOf('o')}, ${clock} AS now
    FROM asked a LEFT JOIN LATERAL (SELECT * FROM ${operations} WHERE id = a.id OFFSET 0) o ON true
  ) found
), ${grantingSql(names, {
    columns: `format, id, scope, key, fingerprint, state, owner, fence, attempt, starts,
    lease_until, retain_until, sweep_after, created_at, result_kind, result_body`,
    wanted: `SELECT 1, (asked).id, (asked).scope, (asked).key, (asked).fingerprint, 2, (asked).owner,
    greatest(at, known + 1), 1, 1, at, at + (asked).retention, at + (asked).retention, at, 0, ${NO_VALUE}
  FROM (
    SELECT asked, ${clock} AS at, greatest(fence, (SELECT fence FROM ${floor}), $7::text::bigint) AS known
    FROM looked WHERE ${order.rows}
  ) free`,
    set: `${takenOver('o', 'excluded', mine('o', 'excluded', 'excluded.created_at'))}, state = 2,
    lease_until = excluded.lease_until, retain_until = excluded.retain_until,
    result_kind = excluded.result_kind, result_body = excluded.result_body`,
    where: free('o', 'excluded', 'excluded.created_at'),
  })}, answer AS (
  SELECT true AS granted, NULL::bigint AS now, NULL::smallint AS format, id, NULL AS scope, NULL AS key, NULL AS fingerprint,
    NULL::smallint AS state, NULL AS owner, fence, attempt, starts, NULL::bigint AS lease_until, NULL::bigint AS retain_until,
    NULL::bigint AS created_at, steps, NULL::smallint AS result_kind, NULL::bytea AS result_body
  FROM granted
  UNION ALL
  SELECT false, l.now, ${columnsOf('l')} FROM looked l WHERE NOT l.free
)
SELECT answer.*, set_config('lock_timeout', patience.old, true) AS patience, pg_current_xact_id_if_assigned()::text AS xid
FROM patience LEFT JOIN ${order.answer} ON true`
}

/** The setting that keeps the transaction's own lock timeout until it is restored; empty means nothing is kept. */
const OWN = 'onlyonce.lock_timeout'
const putBack = (own: string) =>
  `set_config('lock_timeout', ${own}, true) AS patience, set_config('${OWN}', '', true) AS kept`

/**
 * The same for an operation without a record: the usual first call. A single insert, since a WITH takes twice as long.
 * No row means that a record exists or was written meanwhile, and that the lock timeout is not restored yet:
 * `claimKnownSql` restores it and reads the record. `more`: columns added to the answer.
 */
export function claimNewDoneSql(names: Names, more = ''): string {
  return `${insertedDone(names, 0, `FROM (SELECT set_config('${OWN}', current_setting('lock_timeout'), true) AS own OFFSET 0) kept`)}
ON CONFLICT ${placing(names).conflict} DO NOTHING
RETURNING true AS granted, o.id, o.fence, o.attempt, o.starts, o.steps, ${putBack(`current_setting('${OWN}')`)},
  pg_current_xact_id_if_assigned()::text AS xid${more}`
}

/**
 * The same beside a one-statement effect, whose parameters come first. If a record exists the statement fails, which
 * undoes the effect. The outer query reads the insert, so it runs before the effect: parts of a WITH that are not read
 * run last. The lock timeout applies to the effect too, as this is the whole transaction.
 */
export function claimBesideSql(names: Names, effect: string, parameters: number): string {
  return `
WITH onlyonce_claim AS (${insertedDone(names, parameters)}
RETURNING o.fence
), onlyonce_effect AS (
${effect}
)
SELECT fence FROM onlyonce_claim`
}

/** The insert of a claim that is written as done; its parameters come after `before` others. */
function insertedDone(names: Names, before: number, from = ''): string {
  const { operations, floor, clock } = names
  const { column, value, unknown } = placing(names)
  const text = (n: number) => `$${before + n}::text`
  return `
INSERT INTO ${operations} AS o (format, id, scope, key, fingerprint, state, owner, fence, attempt, starts,
  lease_until, retain_until, sweep_after, created_at, result_kind, result_body${column})
SELECT 1, ${text(1)}::uuid, ${text(5)}, ${text(6)}, ${text(2)}, 2, ${text(3)},
  greatest(at, f.fence + 1, ${text(7)}::bigint + 1), 1, 1,
  at, at + ${text(4)}::bigint, at + ${text(4)}::bigint, at, 0, ${NO_VALUE}${value}
FROM (
  SELECT (SELECT fence FROM ${floor}) AS fence, ${clock} AS at, set_config('lock_timeout', ${text(8)}, true) AS patience
  ${from} OFFSET 0
) f${unknown(`${text(1)}::uuid`)}`
}

/**
 * Reads the existing record. Returns one row in any case, because it also restores the lock timeout; with partitions
 * that may be unchanged.
 */
export function claimKnownSql({ operations, clock }: Names, more = ''): string {
  const own = `coalesce(nullif(current_setting('${OWN}', true), ''), current_setting('lock_timeout'))`
  return `
SELECT ${putBack(own)}, ${clock} AS now, ${columnsOf('o')}${more}
FROM (SELECT $1::text::uuid AS id) asked LEFT JOIN ${operations} o ON o.id = asked.id`
}
