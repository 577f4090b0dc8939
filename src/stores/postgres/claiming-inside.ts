import type { OperationId } from '../../core/record.ts'
import type { ClaimOutcome, ClaimRequest } from '../../core/store.ts'
import { packText } from '../../core/stored-text.ts'
import { grantedOutcome, refusedOutcome } from '../sql/claims.ts'
import type { HandedFences } from '../sql/fences.ts'
import { toId } from '../sql/rows.ts'
import { plainArray, textArray } from './literals.ts'
import { isGranted } from './reading.ts'
import { micros, stranger } from './records.ts'
import type { Session } from './session.ts'
import type { Statement, Values } from './statement.ts'
import type { Statements } from './statements.ts'

const MAX_RACES = 20

type Outcomes = Map<OperationId, ClaimOutcome>

/** Claims inside an open transaction, written as done. What does not exist yet takes one statement. */
export interface ClaimsInside {
  one(session: Session, request: ClaimRequest): Promise<ClaimOutcome>
  all(session: Session, requests: readonly ClaimRequest[]): Promise<readonly ClaimOutcome[]>
}

export function createClaimsInside(statements: Statements, fences: HandedFences, lockWaitMs: number): ClaimsInside {
  function granted(session: Session, outcome: ClaimOutcome, xid: unknown): ClaimOutcome {
    if (outcome.kind !== 'granted') return outcome
    fences.handedOut(outcome.lease.fence)
    session.granted(outcome.lease, xid)
    return outcome
  }

  async function claimBy(
    session: Session,
    claiming: Statement,
    request: ClaimRequest,
  ): Promise<ClaimOutcome | undefined> {
    const [row] = await session.run(claiming, claimParams(request, fences.floor, lockWaitMs))
    if (row === undefined) return undefined
    const isNew = isGranted(row)
    if (isNew === undefined) return undefined
    return isNew ? granted(session, grantedOutcome(row, request), row.xid) : refusedOutcome(row, request)
  }

  /** One insert for all operations without a record. Returns the outcomes that it decided. */
  async function claimAllNew(
    session: Session,
    requests: readonly ClaimRequest[],
    shared: ClaimRequest,
  ): Promise<Outcomes> {
    const byId = new Map(requests.map((one) => [one.id, one]))
    const outcomes: Outcomes = new Map()
    const params = claimAllNewParams(requests, shared, fences.floor, lockWaitMs)
    const rows = await session.run(statements.claimAllNewDone, params)
    const [first] = rows
    const written = listed(first?.fences).map(Number)
    const ids = written.length === requests.length ? [...byId.keys()].sort() : listed(first?.ids).map(toId)
    if (ids.length !== written.length || !written.every(Number.isSafeInteger)) throw stranger(first?.ids)
    for (const [index, id] of ids.entries()) {
      if (!byId.has(id)) throw stranger(id)
      const fence = written[index] as number
      const lease = { id, owner: shared.owner, fence }
      const outcome: ClaimOutcome = { kind: 'granted', lease, attempt: 1, starts: 1, steps: [] }
      outcomes.set(id, granted(session, outcome, first?.xid))
    }
    for (const row of rows) {
      if (typeof row.id !== 'string') continue
      const request = byId.get(toId(row.id))
      if (request === undefined) throw stranger(row.id)
      const outcome = refusedOutcome(row, request)
      if (outcome !== undefined) outcomes.set(request.id, outcome)
    }
    return outcomes
  }

  async function claimAllKnown(session: Session, requests: readonly ClaimRequest[]): Promise<Outcomes> {
    const byId = new Map(requests.map((one) => [one.id, one]))
    const outcomes: Outcomes = new Map()
    for (const row of await session.run(statements.claimAllDone, claimAllParams(requests, fences.floor, lockWaitMs))) {
      // No row was granted and no record exists: this row only restores the lock timeout.
      const isNew = isGranted(row)
      if (isNew === undefined) continue
      const request = byId.get(toId(row.id))
      if (request === undefined) throw stranger(row.id)
      const outcome = isNew ? grantedOutcome(row, request) : refusedOutcome(row, request)
      if (outcome !== undefined) outcomes.set(request.id, granted(session, outcome, row.xid))
    }
    return outcomes
  }

  return {
    async one(session, request) {
      const fresh = await claimBy(session, statements.claimNewDone, request)
      if (fresh !== undefined) return fresh
      const [known] = await session.run(statements.claimKnown, [request.id])
      const refused = typeof known?.id === 'string' ? refusedOutcome(known, request) : undefined
      if (refused !== undefined) return refused
      for (let races = 0; races < MAX_RACES; races++) {
        const outcome = await claimBy(session, statements.claimDone, request)
        if (outcome !== undefined) return outcome
      }
      throw changing()
    },
    async all(session, requests) {
      const shared = sharedBy(requests)
      const outcomes = shared === undefined ? new Map() : await claimAllNew(session, requests, shared)
      for (let races = 0; outcomes.size < requests.length; races++) {
        if (races === MAX_RACES) throw changing()
        const left = requests.filter(({ id }) => !outcomes.has(id))
        for (const [id, outcome] of await claimAllKnown(session, left)) outcomes.set(id, outcome)
      }
      return requests.map(({ id }) => outcomes.get(id) as ClaimOutcome)
    },
  }
}

export function claimParams(request: ClaimRequest, floor: number, lockWaitMs: number): Values {
  const { id, fingerprint, owner, retentionMs, scope, key } = request
  return [
    id,
    packText(fingerprint),
    packText(owner),
    String(micros(retentionMs)),
    scope === undefined ? null : packText(scope),
    key === undefined ? null : packText(key),
    String(floor),
    String(lockWaitMs),
  ]
}

/** Returns a request whose owner, scope and retention all requests share, or `undefined` when they differ. */
function sharedBy(requests: readonly ClaimRequest[]): ClaimRequest | undefined {
  const [first] = requests
  const isSame = ({ owner, scope, retentionMs }: ClaimRequest) =>
    owner === first?.owner && scope === first.scope && retentionMs === first.retentionMs
  return requests.every(isSame) ? first : undefined
}

function listed(joined: unknown): string[] {
  return typeof joined === 'string' ? joined.split(',') : []
}

function claimAllNewParams(
  requests: readonly ClaimRequest[],
  { owner, scope, retentionMs }: ClaimRequest,
  floor: number,
  lockWaitMs: number,
): Values {
  return [
    plainArray(requests.map(({ id }) => id)),
    textArray(requests.map(({ fingerprint }) => fingerprint)),
    packText(owner),
    String(micros(retentionMs)),
    scope === undefined ? null : packText(scope),
    textArray(requests.map(({ key }) => key)),
    String(floor),
    String(lockWaitMs),
  ]
}

function claimAllParams(requests: readonly ClaimRequest[], floor: number, lockWaitMs: number): Values {
  return [
    plainArray(requests.map(({ id }) => id)),
    textArray(requests.map(({ fingerprint }) => fingerprint)),
    textArray(requests.map(({ owner }) => owner)),
    plainArray(requests.map(({ retentionMs }) => micros(retentionMs))),
    textArray(requests.map(({ scope }) => scope)),
    textArray(requests.map(({ key }) => key)),
    String(floor),
    String(lockWaitMs),
  ]
}

function changing(): Error {
  return new Error(
    'the operation changed each time it was claimed; a transaction that sees one snapshot throughout (REPEATABLE READ) cannot claim what changed since',
  )
}
