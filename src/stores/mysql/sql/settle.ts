import { type Batched, BIG, bytes, ID, optional, TEXT, updating } from './asked.ts'
import type { Names } from './names.ts'
import { FOREVER, held, keptHint } from './record.ts'

/** When fewer rows were changed than were asked for, what became of each has to be looked at: see `settling.ts`.
 * Assignments see those before them, so what others depend on is set last. */
const LEASE = { id: ID, owner: TEXT, fence: BIG }

/** Settles running operations, also after their lease: the owner decides. On a done one only an unknown result is replaced. */
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

/** Gives running operations back. Fingerprint, owner, fence and steps stay: the key remains bound, a repeat is recognised. */
export function releaseSql({ operations, clock }: Names): Batched {
  return updating(
    LEASE,
    operations,
    `o.attempt = o.attempt - 1, o.lease_until = LAST_INSERT_ID(${clock}), o.state = 0`,
    `${held(clock)} AND o.state = 1`,
  )
}

/** Extends leases and keeps the longer list of steps. An update, never an upsert: a late heartbeat brings nothing back. */
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

/** Puts the value beside a claim that this transaction already wrote as done. */
export function putResultSql({ operations, clock }: Names): Batched {
  const retain = `IF(a.kind = 3, ${FOREVER}, ${clock} + a.retention)`
  return updating(
    { ...LEASE, kind: BIG, retention: BIG, body: TEXT },
    operations,
    `o.retain_until = ${retain}, o.sweep_after = ${keptHint(retain)}, o.result_kind = a.kind, o.result_body = ${bytes('a.body')}`,
    'o.format = 1 AND o.owner = FROM_BASE64(a.owner) AND o.fence = a.fence AND o.state = 2',
  )
}
