import { encodeResult } from '../../../core/codec.ts'
import { asked, type Batched, BIG, bytes, found, ID, optional, single, TEXT, updating } from './asked.ts'
import type { Names } from './names.ts'
import { COLUMNS, keptHint } from './record.ts'

/** What a claim inside a transaction is written with: a value that is nothing. */
const NO_VALUE = `x'${Buffer.from(encodeResult(undefined)).toString('hex')}'`

/**
 * Records of operations that have none, for one owner each; what is there already is left as it is. When as many rows were written as
 * were asked for, all are granted, with the fence that the answer carries as its insert id: one round trip. A table
 * without AUTO_INCREMENT answers what LAST_INSERT_ID(expression) was given last, the same for all rows.
 * IGNORE makes a warning of everything that would be an error, so one that warns has to be looked at.
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

/** Everything there is to know of some operations, without a lock: a row for each that is asked for, all from one moment. */
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
 * Takes over records that were seen to be free, each only if it is still as it was seen: another owner in between has
 * changed its fence, a renewal its times. What the new record is, `decideClaim` has said. `fresh`: it is a new one.
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
 * A claim inside an open transaction, written as done. Insert id 0: a record is there, locked for us since. Not INSERT
 * IGNORE, whose shared lock would make a deadlock of two rivals who both go on to take it over.
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

/** `insertSql` inside an open transaction: written as done. */
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
 * The newest version of each record that there is, whatever the snapshot of the transaction says. Shared, as the lock which
 * `insertDoneSql` has left on them. Waits for whoever has written one of them.
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

/** The newest version of a record, whatever the snapshot of the transaction says. */
export function lockedSql({ operations, clock }: Names): string {
  return `SELECT CAST(${clock} AS CHAR) AS now, ${COLUMNS} FROM ${operations} o WHERE o.id = UNHEX(?) FOR UPDATE`
}
