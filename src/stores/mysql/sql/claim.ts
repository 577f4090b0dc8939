import { encodeResult } from '../../../core/codec.ts'
import { asked, type Batched, BIG, bytes, found, ID, optional, single, TEXT, updating } from './asked.ts'
import type { Names } from './names.ts'
import { COLUMNS, keptHint } from './record.ts'

/** The result that a claim inside a transaction is written with: the value `undefined`. */
const NO_VALUE = `x'${Buffer.from(encodeResult(undefined)).toString('hex')}'`

/**
 * Inserts records of operations that have none; existing ones are left alone. If all rows were written, all are
 * granted, with the insert id of the answer as their fence: one round trip. A table without AUTO_INCREMENT returns the
 * value of LAST_INSERT_ID(expression) there, the same for all rows. IGNORE turns errors into warnings, so after a
 * warning the records must be read.
 */
export function insertSql({ operations, clock }: Names): Batched {
  const fields = {
    ...{ id: ID, scope: TEXT, operation_key: TEXT, fingerprint: TEXT, owner: TEXT },
    ...{ lease: BIG, retention: BIG, above: BIG },
  }
  const into = `
INSERT IGNORE INTO ${operations} (format, id, scope, operation_key, fingerprint, state, owner, fence, attempt, starts,
  lease_until, retain_until, sweep_after, created_at)`
  const values = `1, UNHEX(a.id), ${optional('a.scope')}, ${optional('a.operation_key')}, ${bytes('a.fingerprint')}, 1,
  ${bytes('a.owner')}, LAST_INSERT_ID(GREATEST(${clock}, a.above)), 1, 1, ${clock} + a.lease,
  ${clock} + a.lease + a.retention, ${clock} + a.retention, ${clock}`
  return {
    many: `${into}\nSELECT ${values}\nFROM ${asked(fields)}`,
    ...single(fields, `${into}\nVALUES (${values})`),
  }
}

/** Reads records and fence floor without a lock, in one snapshot: a row for each id asked for. */
export function lookSql({ operations, floor, clock }: Names): Batched {
  const columns = `CAST(${clock} AS CHAR) AS now, CAST((SELECT fence FROM ${floor}) AS CHAR) AS floor, ${COLUMNS}`
  return {
    many: `SELECT a.n, ${columns}\nFROM ${found({ id: ID }, operations, 'LEFT JOIN')}`,
    ...single(
      { id: ID },
      `SELECT 1 AS n, ${columns}\nFROM (SELECT 1) each_one LEFT JOIN ${operations} o ON o.id = UNHEX(a.id)`,
    ),
  }
}

/**
 * Takes over claimable records, each only if it is still as it was read: another claim would have changed its fence, a
 * renewal its times. `decideClaim` made the new record. `fresh`: the operation is new, so old steps are dropped.
 */
export function takeOverSql({ operations }: Names): Batched {
  const fields = {
    id: ID,
    ...{ seen_format: BIG, seen_fence: BIG, seen_state: BIG, seen_lease: BIG, seen_retain: BIG },
    ...{
      scope: TEXT,
      operation_key: TEXT,
      fingerprint: TEXT,
      owner: TEXT,
      state: BIG,
      fence: BIG,
      attempt: BIG,
      starts: BIG,
    },
    ...{ lease_until: BIG, retain_until: BIG, sweep_after: BIG, created_at: BIG, fresh: BIG },
  }
  return updating(
    fields,
    operations,
    `o.scope = ${optional('a.scope')}, o.operation_key = ${optional('a.operation_key')},
  o.fingerprint = ${bytes('a.fingerprint')}, o.owner = ${bytes('a.owner')}, o.state = a.state, o.fence = a.fence,
  o.attempt = a.attempt, o.starts = a.starts, o.lease_until = a.lease_until, o.retain_until = a.retain_until,
  o.sweep_after = ${keptHint('a.sweep_after')}, o.created_at = a.created_at,
  o.steps = IF(a.fresh = 1, NULL, o.steps), o.step_count = IF(a.fresh = 1, 0, o.step_count),
  o.result_kind = IF(a.state = 2, 0, NULL), o.result_body = IF(a.state = 2, ${NO_VALUE}, NULL), o.format = 1`,
    `o.format = a.seen_format AND o.fence = a.seen_fence AND o.state = a.seen_state AND o.lease_until = a.seen_lease
  AND o.retain_until = a.seen_retain`,
  )
}

/**
 * A claim inside an open transaction, written as done. Insert id 0: there is a record, and we now hold its lock. Not
 * INSERT IGNORE: with its shared lock, two rivals that both take the record over would deadlock.
 */
export function claimDoneSql({ operations, clock }: Names): Pick<Batched, 'one' | 'order'> {
  const fields = {
    ...{ id: ID, scope: TEXT, operation_key: TEXT, fingerprint: TEXT, owner: TEXT },
    ...{ retention: BIG, above: BIG },
  }
  return single(
    fields,
    `
INSERT INTO ${operations} (format, id, scope, operation_key, fingerprint, state, owner, fence, attempt, starts,
  lease_until, retain_until, sweep_after, created_at, result_kind, result_body)
VALUES (1, UNHEX(a.id), ${optional('a.scope')}, ${optional('a.operation_key')}, ${bytes('a.fingerprint')}, 2,
  ${bytes('a.owner')}, LAST_INSERT_ID(GREATEST(${clock}, a.above)), 1, 1, ${clock},
  ${clock} + a.retention, ${clock} + a.retention, ${clock}, 0, ${NO_VALUE})
ON DUPLICATE KEY UPDATE fence = fence + LAST_INSERT_ID(fence - fence)`,
  )
}

/** As `insertSql`, inside an open transaction: records are written as done. */
export function insertDoneSql({ operations, clock }: Names): Batched {
  const fields = {
    ...{ id: ID, scope: TEXT, operation_key: TEXT, fingerprint: TEXT, owner: TEXT },
    ...{ retention: BIG, above: BIG },
  }
  const into = `
INSERT IGNORE INTO ${operations} (format, id, scope, operation_key, fingerprint, state, owner, fence, attempt, starts,
  lease_until, retain_until, sweep_after, created_at, result_kind, result_body)`
  const values = `1, UNHEX(a.id), ${optional('a.scope')}, ${optional('a.operation_key')}, ${bytes('a.fingerprint')}, 2,
  ${bytes('a.owner')}, LAST_INSERT_ID(GREATEST(${clock}, a.above)), 1, 1, ${clock},
  ${clock} + a.retention, ${clock} + a.retention, ${clock}, 0, ${NO_VALUE}`
  return { many: `${into}\nSELECT ${values}\nFROM ${asked(fields)}`, ...single(fields, `${into}\nVALUES (${values})`) }
}

/**
 * Reads the newest version of each record, whatever the transaction's snapshot. Takes shared locks, as `insertDoneSql`
 * has, and so waits for a transaction that has written one of the records.
 */
export function newestSql({ operations, clock }: Names): Batched {
  const columns = `CAST(${clock} AS CHAR) AS now, ${COLUMNS}`
  return {
    many: `SELECT a.n, ${columns}\nFROM ${found({ id: ID }, operations)}\nLOCK IN SHARE MODE`,
    ...single(
      { id: ID },
      `SELECT 1 AS n, ${columns}\nFROM ${operations} o\nWHERE o.id = UNHEX(a.id)\nLOCK IN SHARE MODE`,
    ),
  }
}

/** Reads and locks the newest version of a record, whatever the transaction's snapshot. */
export function lockedSql({ operations, clock }: Names): string {
  return `SELECT CAST(${clock} AS CHAR) AS now, ${COLUMNS} FROM ${operations} o WHERE o.id = UNHEX(?) FOR UPDATE`
}
