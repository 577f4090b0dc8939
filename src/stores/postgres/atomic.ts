import { EffectThrew } from '../../core/atomic-limits.ts'
import type { OperationId } from '../../core/record.ts'
import type { AtomicClaims, ClaimOutcome, ClaimRequest } from '../../core/store.ts'
import { packText } from '../../core/stored-text.ts'
import { grantedOutcome, refusedOutcome } from '../sql/claims.ts'
import type { HandedFences } from '../sql/fences.ts'
import { KINDS, toId } from '../sql/rows.ts'
import type { PgTx } from './client.ts'
import { faultOf, isLost } from './faults.ts'
import { plainArray, textArray } from './literals.ts'
import { type ResolvedPostgresOptions, refuseLonger } from './options.ts'
import { isGranted } from './reading.ts'
import { micros, stranger } from './records.ts'
import { explained, type Session } from './session.ts'
import type { Statement, Values } from './statement.ts'
import type { Statements } from './statements.ts'
import type { Transactions } from './transaction.ts'

const MAX_RACES = 20
const MAX_DEADLOCKS = 3
/** A rival's transaction did not end within `lockWaitMs`. Its end is unknown, so this is a fixed pause. */
const LOCKED: ClaimOutcome = Object.freeze({ kind: 'running', retryAfterMs: 1_000 })

/** Claims inside the open transaction behind `tx`: one of ours, or one that the caller began on its own connection. */
export function createWithin(
  transactions: Transactions,
  statements: Statements,
  fences: HandedFences,
  { lockWaitMs, schema, partitions }: ResolvedPostgresOptions,
): (tx: PgTx) => AtomicClaims {
  async function claimOnce(session: Session, request: ClaimRequest): Promise<ClaimOutcome> {
    const claimBy = async (claiming: Statement): Promise<ClaimOutcome | undefined> => {
      const [row] = await session.run(claiming, claimParams(request, fences.floor, lockWaitMs))
      if (row === undefined) return undefined
      const isNew = isGranted(row)
      if (isNew !== true) return isNew === false ? refusedOutcome(row, request) : undefined
      const outcome = grantedOutcome(row, request)
      granted(session, outcome, row.xid)
      return outcome
    }
    const fresh = await claimBy(statements.claimNewDone)
    if (fresh !== undefined) return fresh
    const [known] = await session.run(statements.claimKnown, [request.id])
    const refused = typeof known?.id === 'string' ? refusedOutcome(known, request) : undefined
    if (refused !== undefined) return refused
    for (let races = 0; races < MAX_RACES; races++) {
      const outcome = await claimBy(statements.claimDone)
      if (outcome !== undefined) return outcome
    }
    throw changing()
  }

  function granted(session: Session, outcome: ClaimOutcome, xid: unknown): void {
    if (outcome.kind !== 'granted') return
    fences.handedOut(outcome.lease.fence)
    session.granted(outcome.lease, xid)
  }

  /** One insert for all operations without a record. Returns, by id, the outcomes that it decided. */
  async function claimAllNew(
    session: Session,
    requests: readonly ClaimRequest[],
    shared: ClaimRequest,
  ): Promise<Map<OperationId, ClaimOutcome>> {
    const byId = new Map(requests.map((one) => [one.id, one]))
    const outcomes = new Map<OperationId, ClaimOutcome>()
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
      outcomes.set(id, outcome)
      granted(session, outcome, first?.xid)
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

  async function claimAllKnown(
    session: Session,
    requests: readonly ClaimRequest[],
  ): Promise<Map<OperationId, ClaimOutcome>> {
    const byId = new Map(requests.map((one) => [one.id, one]))
    const outcomes = new Map<OperationId, ClaimOutcome>()
    for (const row of await session.run(statements.claimAllDone, claimAllParams(requests, fences.floor, lockWaitMs))) {
      // No row was granted and no record exists: this row only restores the lock timeout.
      const isNew = isGranted(row)
      if (isNew === undefined) continue
      const request = byId.get(toId(row.id))
      if (request === undefined) throw stranger(row.id)
      const outcome = isNew ? grantedOutcome(row, request) : refusedOutcome(row, request)
      if (outcome === undefined) continue
      outcomes.set(request.id, outcome)
      granted(session, outcome, row.xid)
    }
    return outcomes
  }

  async function claimAllOnce(session: Session, requests: readonly ClaimRequest[]): Promise<readonly ClaimOutcome[]> {
    const shared = sharedBy(requests)
    const outcomes = shared === undefined ? new Map() : await claimAllNew(session, requests, shared)
    for (let races = 0; outcomes.size < requests.length; races++) {
      if (races === MAX_RACES) throw changing()
      const left = requests.filter(({ id }) => !outcomes.has(id))
      for (const [id, outcome] of await claimAllKnown(session, left)) outcomes.set(id, outcome)
    }
    return requests.map(({ id }) => outcomes.get(id) as ClaimOutcome)
  }

  /** Returns `undefined` when a rival's transaction held one of the rows for too long. */
  async function claiming<T>(session: Session, savepoint: string, claimOnce: () => Promise<T>): Promise<T | undefined> {
    for (let deadlocks = 0; ; deadlocks++) {
      try {
        return await claimOnce()
      } catch (error) {
        const fault = faultOf(error)
        // A `statement_timeout` shorter than `lockWaitMs` ends the same wait.
        const isLocked = fault === 'locked' || fault === 'canceled'
        if (!isLocked && (fault !== 'again' || deadlocks === MAX_DEADLOCKS)) throw explained(error, schema)
        await session.rollbackTo(savepoint)
        if (isLocked) return undefined
      }
    }
  }

  return (tx) => {
    const session = transactions.join(tx)
    /** The savepoint of a `guarded` that has just begun: a claim at its start can use it instead of its own. */
    let justBegun: string | undefined

    async function claimed<T>(claimOnce: () => Promise<T>): Promise<T | undefined> {
      if (justBegun !== undefined) {
        const savepoint = justBegun
        justBegun = undefined
        return claiming(session, savepoint, claimOnce)
      }
      const savepoint = await session.guard()
      const outcome = await claiming(session, savepoint, claimOnce)
      await session.release(savepoint)
      return outcome
    }

    return {
      async claim(request) {
        refuseLonger(partitions, [request])
        return (await claimed(() => claimOnce(session, request))) ?? LOCKED
      },
      async claimAll(requests) {
        refuseLonger(partitions, requests)
        if (requests.length === 0) return []
        return (await claimed(() => claimAllOnce(session, requests))) ?? requests.map(() => LOCKED)
      },
      async complete({ lease, result, retentionMs }) {
        try {
          const rows = await session.run(statements.putResult, [
            lease.id,
            packText(lease.owner),
            String(lease.fence),
            String(KINDS.indexOf(result.kind)),
            String(micros(retentionMs)),
            result.body,
          ])
          return rows.length === 1 ? 'ok' : 'lost'
        } catch (error) {
          throw explained(error, schema)
        }
      },
      async guarded<T>(work: () => Promise<T>): Promise<T> {
        const name = await session.guard()
        let value: T
        try {
          justBegun = name
          const working = work()
          justBegun = undefined
          value = await working
        } catch (error) {
          await undone(session, name, error)
          throw error
        }
        await session.release(name)
        return value
      },
    }
  }
}

/** @throws the rollback's error. If our connection was lost, which undoes everything, the effect's goes first. */
async function undone(session: Session, savepoint: string, error: unknown): Promise<void> {
  try {
    await session.rollbackTo(savepoint)
    await session.release(savepoint)
  } catch (prevented) {
    const isGone = !session.joined && isLost(prevented)
    if (!isGone || isLost(error instanceof EffectThrew ? error.thrown : error)) throw prevented
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
