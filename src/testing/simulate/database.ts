import { encodeResult } from '../../core/codec.ts'
import { decideClaim, decideComplete, decideRelease, decideRenew, retained } from '../../core/lifecycle.ts'
import type { OperationId, OperationRecord, StoredResult } from '../../core/record.ts'
import type { ClaimOutcome, ClaimRequest, Completion, OutboxEntry, OutboxMessage, Store } from '../../core/store.ts'
import type { Judge } from './judge.ts'
import { OutboxRows } from './outbox-rows.ts'
import { RowLocks } from './row-locks.ts'
import type { World } from './world.ts'

/** A row that an effect wrote into the user's table. */
export interface EffectRow {
  readonly id: OperationId
  readonly fence: number
}

/** The pending changes of one transaction; nobody else sees them before the commit. */
export interface ServerTx {
  open: boolean
  committed: boolean
  readonly records: Map<OperationId, OperationRecord>
  readonly effects: EffectRow[]
  readonly messages: OutboxMessage[]
}

const NO_VALUE: StoredResult = Object.freeze({ kind: 'value', body: encodeResult(undefined) })

/**
 * The server side of a database: operations, the user's table and the outbox, with transactions that hold row locks
 * until they end. Runs the lifecycle functions, against which real stores are tested; watched by the judge.
 */
export class Database {
  readonly records = new Map<OperationId, OperationRecord>()
  /** Committed rows of the user's table. */
  readonly effects: EffectRow[] = []
  /** Every message ever committed, in commit order. */
  readonly committed: OutboxEntry[] = []
  readonly outbox: OutboxRows
  readonly #world: World
  readonly #judge: Judge
  readonly #locks: RowLocks<ServerTx>
  readonly #lockTimeoutMs: number

  constructor(world: World, judge: Judge, lockTimeoutMs: number) {
    this.#world = world
    this.#judge = judge
    this.#lockTimeoutMs = lockTimeoutMs
    this.#locks = new RowLocks(world)
    this.outbox = new OutboxRows(world)
  }

  begin(): ServerTx {
    return { open: true, committed: false, records: new Map(), effects: [], messages: [] }
  }

  /** The claim is written as done at once: nobody can see it before the commit. */
  async claim(tx: ServerTx, request: ClaimRequest): Promise<ClaimOutcome> {
    await this.#locks.take(request.id, tx, this.#lockTimeoutMs)
    if (!tx.open) this.#locks.giveBack(tx)
    requireOpen(tx)
    const now = this.#world.storeNow()
    const current = tx.records.get(request.id) ?? this.records.get(request.id)
    const { outcome, write } = decideClaim(current, request, now)
    if (outcome.kind !== 'granted' || write === undefined) return outcome
    const done = decideComplete(
      write,
      { lease: outcome.lease, result: NO_VALUE, retentionMs: request.retentionMs },
      now,
    )
    tx.records.set(request.id, done.write as OperationRecord)
    return outcome
  }

  /** Claims one after the other in the order of ids, as a statement locks its rows. */
  async claimAll(tx: ServerTx, requests: readonly ClaimRequest[]): Promise<readonly ClaimOutcome[]> {
    const outcomes = new Map<OperationId, ClaimOutcome>()
    const sorted = [...requests].sort((a, b) => (a.id < b.id ? -1 : 1))
    for (const request of sorted) outcomes.set(request.id, await this.claim(tx, request))
    return requests.map(({ id }) => outcomes.get(id) as ClaimOutcome)
  }

  complete(tx: ServerTx, { lease, result }: Completion): 'ok' | 'lost' {
    requireOpen(tx)
    const claimed = tx.records.get(lease.id)
    if (claimed?.owner !== lease.owner || claimed.fence !== lease.fence) return 'lost'
    tx.records.set(lease.id, { ...claimed, result })
    return 'ok'
  }

  write(tx: ServerTx, row: EffectRow): void {
    requireOpen(tx)
    tx.effects.push(row)
  }

  append(tx: ServerTx, messages: readonly OutboxMessage[]): void {
    requireOpen(tx)
    tx.messages.push(...messages)
  }

  commit(tx: ServerTx): void {
    requireOpen(tx)
    this.#world.count('state: committed')
    for (const record of tx.records.values()) {
      this.#judge.committed(record)
      this.records.set(record.id, record)
    }
    for (const row of tx.effects) {
      const record = this.records.get(row.id)
      const doubled = this.effects.some(({ id }) => id === row.id)
      if (doubled) this.#world.violate('I1', `operation ${row.id.slice(0, 8)}: a second effect was committed`)
      if (record?.fence !== row.fence)
        this.#world.violate('I1', `operation ${row.id.slice(0, 8)}: an effect without its record`)
      this.effects.push(row)
    }
    for (const message of tx.messages) {
      if (this.outbox.holds(message.id)) continue
      const entry = { ...message, position: this.committed.length + 1, failures: 0 }
      this.committed.push(entry)
      this.outbox.add(entry)
    }
    tx.committed = true
    this.#end(tx)
  }

  /** Also called for a transaction whose connection was lost. */
  rollback(tx: ServerTx): void {
    if (!tx.open) return
    this.#world.count('state: rolled back')
    this.#end(tx)
  }

  /** The verbs outside transactions: each takes its row's lock for one statement. */
  readonly verbs: Pick<Store, 'claim' | 'renew' | 'complete' | 'release' | 'find' | 'sweep'> = {
    claim: (requests) =>
      this.#each(
        requests,
        ({ id }) => id,
        (request, current, now) => decideClaim(current, request, now),
      ),
    renew: (renewals) =>
      this.#each(
        renewals,
        ({ lease }) => lease.id,
        (renewal, current, now) => decideRenew(current, renewal, now),
      ),
    complete: (completions) =>
      this.#each(
        completions,
        ({ lease }) => lease.id,
        (one, current, now) => decideComplete(current, one, now),
      ),
    release: (leases) =>
      this.#each(
        leases,
        ({ id }) => id,
        (lease, current, now) => decideRelease(current, lease, now),
      ),
    // No record ever becomes old enough.
    sweep: async () => 0,
    find: async (ids) => {
      const readAt = this.#world.storeNow()
      return ids.map((id) => {
        const record = retained(this.records.get(id), readAt)
        return record === undefined ? undefined : { ...record, readAt }
      })
    },
  }

  async #each<T, Answer>(
    requests: readonly T[],
    idOf: (request: T) => OperationId,
    decide: (
      request: T,
      current: OperationRecord | undefined,
      now: number,
    ) => { outcome: Answer; write?: OperationRecord },
  ): Promise<readonly Answer[]> {
    const tx = this.begin()
    try {
      for (const request of requests) await this.#locks.take(idOf(request), tx, this.#lockTimeoutMs)
      return requests.map((request) => {
        const { outcome, write } = decide(request, this.records.get(idOf(request)), this.#world.storeNow())
        if (write !== undefined) this.records.set(write.id, write)
        return outcome
      })
    } finally {
      this.#end(tx)
    }
  }

  #end(tx: ServerTx): void {
    tx.open = false
    this.#locks.giveBack(tx)
  }
}

function requireOpen(tx: ServerTx): void {
  if (!tx.open) throw new Error('the transaction is over: its connection was lost')
}
