import { OnlyonceError } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import { FOREVER, retained } from '../../core/lifecycle.ts'
import type { Lease, OperationId } from '../../core/record.ts'
import type { ClaimOutcome, ClaimRequest, Completion, Store } from '../../core/store.ts'
import { packText } from '../../core/stored-text.ts'
import { grantedOutcome, refusedOutcome } from '../sql/claims.ts'
import type { HandedFences } from '../sql/fences.ts'
import { isForgotten } from '../sql/forgotten.ts'
import { listedRow } from '../sql/listed.ts'
import { KINDS, type Row, toId, toMs, toObserved } from '../sql/rows.ts'
import type { SchemaVerbs } from '../sql/schema.ts'
import { packSteps } from '../sql/steps.ts'
import type { Asking } from './asking.ts'
import { joinBytes, plainArray, rawArray, textArray } from './literals.ts'
import { type ResolvedPostgresOptions, refuseLonger } from './options.ts'
import { isGranted } from './reading.ts'
import type { Statements } from './statements.ts'

/** A row that was changed concurrently is claimed again. Each time another claim made progress, so this is rare. */
const MAX_RACES = 20

type Records = Pick<Store, 'claim' | 'renew' | 'complete' | 'release' | 'find' | 'list' | 'forget' | 'sweep'> &
  Pick<SchemaVerbs, 'overdue'>

/** The verbs outside transactions: one statement each, for any number of operations. */
export function createRecords(
  { ask }: Asking,
  statements: Statements,
  fences: HandedFences,
  wake: (ids: Iterable<OperationId>) => void,
  { partitions }: ResolvedPostgresOptions,
): Records {
  async function claimOnce(requests: readonly ClaimRequest[]): Promise<ReadonlyMap<OperationId, ClaimOutcome>> {
    const byId = new Map(requests.map((one) => [one.id, one]))
    const rows = await ask('claim', statements.claim, [
      plainArray(requests.map(({ id }) => id)),
      textArray(requests.map(({ fingerprint }) => fingerprint)),
      textArray(requests.map(({ owner }) => owner)),
      plainArray(requests.map(({ leaseMs }) => micros(leaseMs))),
      plainArray(requests.map(({ retentionMs }) => micros(retentionMs))),
      textArray(requests.map(({ scope }) => scope)),
      textArray(requests.map(({ key }) => key)),
      String(fences.floor),
    ])
    const outcomes = new Map<OperationId, ClaimOutcome>()
    for (const row of rows) {
      const request = byId.get(toId(row.id))
      if (request === undefined) throw stranger(row.id)
      const outcome = isGranted(row) ? grantedOutcome(row, request) : refusedOutcome(row, request)
      if (outcome !== undefined) outcomes.set(request.id, outcome)
    }
    return outcomes
  }

  /** Claims one operation; returns `undefined` if only the batch statement can decide. */
  async function claimLone(request: ClaimRequest): Promise<ClaimOutcome | undefined> {
    const [row] = await ask('claim', statements.claimLone, [
      request.id,
      packText(request.fingerprint),
      packText(request.owner),
      String(micros(request.leaseMs)),
      String(micros(request.retentionMs)),
      request.scope === undefined ? null : packText(request.scope),
      request.key === undefined ? null : packText(request.key),
      String(fences.floor),
    ])
    if (row === undefined) return undefined
    if (toId(row.id) !== request.id) throw stranger(row.id)
    return isGranted(row) ? grantedOutcome(row, request) : refusedOutcome(row, request)
  }

  async function claim(requests: readonly ClaimRequest[]): Promise<readonly ClaimOutcome[]> {
    refuseLonger(partitions, requests)
    const [first] = requests
    if (first === undefined) return []
    if (requests.length === 1) {
      const outcome = await claimLone(first)
      if (outcome !== undefined) return [outcome]
    }
    const outcomes = new Map<OperationId, ClaimOutcome>()
    let left = requests
    for (let races = 0; left.length > 0; races++) {
      if (races === MAX_RACES)
        throw new Error(`${left.length} operations changed ${MAX_RACES} times while they were claimed`)
      for (const [id, outcome] of await claimOnce(left)) outcomes.set(id, outcome)
      left = left.filter(({ id }) => !outcomes.has(id))
    }
    return requests.map(({ id }) => outcomes.get(id) as ClaimOutcome)
  }

  /** Returns whether the operation was running and is settled now. */
  async function completeLone({ lease, result, retentionMs }: Completion): Promise<boolean> {
    const rows = await ask('complete', statements.completeLone, [
      lease.id,
      packText(lease.owner),
      String(lease.fence),
      String(KINDS.indexOf(result.kind)),
      String(micros(retentionMs)),
      result.body,
    ])
    if (rows.length === 1) wake([lease.id])
    return rows.length === 1
  }

  return {
    claim,
    async renew(renewals) {
      if (renewals.length === 0) return []
      const rows = await ask('renew', statements.renew, [
        ...leaseParams(renewals.map(({ lease }) => lease)),
        plainArray(renewals.map(({ leaseMs }) => micros(leaseMs))),
        plainArray(renewals.map(({ retentionMs }) => micros(retentionMs))),
        rawArray(renewals.map(({ steps = [] }) => packSteps(steps))),
        plainArray(renewals.map(({ steps = [] }) => steps.length)),
      ])
      return written(
        rows,
        renewals.map(({ lease }) => lease),
      )
    },
    async complete(completions) {
      const [first] = completions
      if (first === undefined) return []
      if (completions.length === 1 && (await completeLone(first))) return ['ok']
      const { bytes, lengths } = joinBytes(completions.map(({ result }) => result.body))
      let start = 1
      const starts = completions.map(({ result }) => {
        const here = start
        start += result.body.length
        return here
      })
      const rows = await ask('complete', statements.complete, [
        ...leaseParams(completions.map(({ lease }) => lease)),
        plainArray(completions.map(({ result }) => KINDS.indexOf(result.kind))),
        plainArray(completions.map(({ retentionMs }) => micros(retentionMs))),
        bytes,
        plainArray(starts),
        lengths,
      ])
      const leases = completions.map(({ lease }) => lease)
      wake(leases.map(({ id }) => id))
      return written(rows, leases)
    },
    async release(leases) {
      if (leases.length === 0) return []
      // Once: the engine has to know that it was sent before, because a second one may find another owner.
      const rows = await ask('release', statements.release, leaseParams(leases), 'once')
      wake(leases.map(({ id }) => id))
      return written(rows, leases)
    },
    async find(ids) {
      if (ids.length === 0) return []
      const rows = await ask('find', statements.find, [plainArray(ids)])
      const byId = new Map(rows.map((row) => [toId(row.id), row]))
      return ids.map((id) => {
        const row = byId.get(id)
        const record = row && toObserved(row)
        return record && retained(record, record.readAt) && record
      })
    },
    async list({ state, scope, limit, after }) {
      const rows = await ask('list', statements.list(state ?? 'any', scope !== undefined), [
        after === undefined ? null : checkedId(after),
        String(limit + 1),
        ...(scope === undefined ? [] : [packText(scope)]),
      ])
      const items = rows.slice(0, limit).map(listedRow)
      const last = items.at(-1)
      return rows.length > items.length && last !== undefined ? { items, next: last.id } : { items }
    },
    async forget(ids) {
      if (ids.length === 0) return 0
      // Once: the operation may have run again meanwhile, and its new record must not be removed.
      const rows = await ask('forget', statements.forget, [plainArray(ids)], 'once')
      wake(rows.map(({ id }) => toId(id)))
      return rows.length
    },
    async sweep(limit) {
      let removed = 0
      while (removed < limit) {
        const most = limit - removed
        const rows = await ask('sweep', statements.sweep, [String(most)])
        wake(rows.map(({ id }) => toId(id)))
        removed += rows.filter((row) => !isForgotten(row)).length
        if (rows.length < most) break
      }
      return removed
    },
    async overdue() {
      const [row] = await ask('count what is overdue', statements.overdue, [])
      return { count: Number(row?.number ?? 0), oldestMs: toMs(Number(row?.oldest ?? 0)) }
    },
  }
}

export function micros(ms: number): number {
  return Math.round(Math.min(ms, FOREVER) * 1000)
}

function leaseParams(leases: readonly Lease[]): [ids: string, owners: string, fences: string] {
  return [
    plainArray(leases.map(({ id }) => id)),
    textArray(leases.map(({ owner }) => owner)),
    plainArray(leases.map(({ fence }) => fence)),
  ]
}

function written(rows: readonly Row[], leases: readonly Lease[]): readonly ('ok' | 'lost')[] {
  const held = new Set(rows.map(({ id }) => toId(id)))
  return leases.map(({ id }) => (held.has(id) ? 'ok' : 'lost'))
}

function checkedId(after: string): string {
  if (/^[0-9a-f]{32}$/.test(after)) return after
  throw new OnlyonceError('OPTION_INVALID', `\`after\` must be the \`next\` of an earlier page; got ${quote(after)}`)
}

export function stranger(id: unknown): OnlyonceError {
  return new OnlyonceError(
    'OUTCOME_UNKNOWN',
    `the server answered for operation ${quote(String(id))}, which was not asked for; its client mixes up replies, and nothing it says can be used`,
  )
}
