import { type Batched, BIG, bytes, ID, optional, TEXT, updating } from './asked.ts'
import type { Names } from './names.ts'
import { FOREVER, held, keptHint } from './record.ts'

/** If fewer rows were changed than asked for, the records must be read: see `settling.ts`. MySQL assignments see
 * the values of earlier ones, so columns that others depend on are set last. */
const LEASE = { id: ID, owner: TEXT, fence: BIG }

/** Settles this owner's running operations, also after their lease. Of done ones only an unknown result is replaced. */
export function completeSql({ operations, clock }: Names): Batched {
  const retain = `IF(a.kind = 3, ${FOREVER}, ${clock} + a.retention)`
  return updating(
    { ...LEASE, kind: BIG, retention: BIG, body: TEXT },
    operations,
    `o.lease_until = LAST_INSERT_ID(${clock}), o.retain_until = ${retain}, o.sweep_after = ${keptHint(retain)},
  o.steps = NULL, o.step_count = 0, o.result_kind = a.kind, o.result_body = ${bytes('a.body')}, o.state = 2`,
    `${held(clock)} AND (o.state = 1 OR (o.state = 2 AND o.result_kind = 3 AND a.kind <> 3))`,
  )
}

/** Releases running operations. Fingerprint, owner, fence and steps stay: the key is bound, a repeat is recognised. */
export function releaseSql({ operations, clock }: Names): Batched {
  return updating(
    LEASE,
    operations,
    `o.attempt = o.attempt - 1, o.lease_until = LAST_INSERT_ID(${clock}), o.state = 0`,
    `${held(clock)} AND o.state = 1`,
  )
}

/** Extends leases and keeps the longer list of steps. No upsert: a late heartbeat must not restore a removed record. */
export function renewSql({ operations, clock }: Names): Batched {
  return updating(
    { ...LEASE, lease: BIG, retention: BIG, steps: TEXT, step_count: BIG },
    operations,
    `o.steps = IF(a.step_count > o.step_count, ${optional('a.steps')}, o.steps),
  o.step_count = GREATEST(o.step_count, a.step_count),
  o.lease_until = GREATEST(o.lease_until, ${clock} + a.lease),
  o.retain_until = GREATEST(o.retain_until, ${clock} + a.lease + a.retention),
  o.sweep_after = ${keptHint(`(${clock} + a.retention)`)}`,
    `${held(clock)} AND o.state = 1`,
  )
}

/** Stores the value with a claim that this transaction has already written as done. */
export function putResultSql({ operations, clock }: Names): Batched {
  const retain = `IF(a.kind = 3, ${FOREVER}, ${clock} + a.retention)`
  return updating(
    { ...LEASE, kind: BIG, retention: BIG, body: TEXT },
    operations,
    `o.retain_until = ${retain}, o.sweep_after = ${keptHint(retain)}, o.result_kind = a.kind, o.result_body = ${bytes('a.body')}`,
    'o.format = 1 AND o.owner = FROM_BASE64(a.owner) AND o.fence = a.fence AND o.state = 2',
  )
}
