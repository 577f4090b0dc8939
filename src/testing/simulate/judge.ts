import type { OperationId, OperationRecord } from '../../core/record.ts'
import type { ClaimOutcome, ClaimRequest, Completion, Renewal, WriteOutcome } from '../../core/store.ts'
import { type Known, sameResult, unseen } from './known.ts'
import type { World } from './world.ts'

/**
 * Sees every request to the store with its answer, and keeps its own account of which answers are allowed. Shares no
 * code with `lifecycle.ts`: a common error would have to be made twice.
 */
export class Judge {
  readonly #world: World
  readonly #known = new Map<OperationId, Known>()

  constructor(world: World) {
    this.#world = world
  }

  known(id: OperationId): Known | undefined {
    return this.#known.get(id)
  }

  claim(request: ClaimRequest, outcome: ClaimOutcome): void {
    const now = this.#world.storeNow()
    const known = this.#current(request.id, now)
    if (known === undefined) this.#granted(request, outcome, now, 'the key is new')
    else if (known.fingerprint !== request.fingerprint) this.#refused(request, outcome)
    else if (known.state === 'idle') this.#afterRelease(request, outcome, known, now)
    else if (known.state === 'done') this.#replayed(request, outcome, known)
    else if (known.owner === request.owner) this.#askedAgain(request, outcome, known)
    else if (known.leaseUntil > now) this.#busy(request, outcome, known.leaseUntil - now)
    else {
      this.#world.count('state: takeover')
      known.abandoned++
      this.#granted(request, outcome, now, 'its lease is over')
    }
  }

  #refused({ id }: ClaimRequest, { kind }: ClaimOutcome): void {
    this.#world.count('state: mismatch')
    if (kind !== 'mismatch') this.#wrong('I6', id, `another payload was answered ${kind}`)
  }

  #afterRelease(request: ClaimRequest, outcome: ClaimOutcome, known: Known, now: number): void {
    if (known.owner === request.owner) {
      this.#world.count('state: own claim asked again after the release')
      if (outcome.kind !== 'running') this.#wrong('I15', request.id, `a late copy of a claim was ${outcome.kind}`)
    } else this.#granted(request, outcome, now, 'it was released')
  }

  #replayed({ id }: ClaimRequest, outcome: ClaimOutcome, known: Known): void {
    this.#world.count('state: replay')
    if (outcome.kind !== 'done') this.#wrong('I13', id, `a done operation was answered ${outcome.kind}`)
    else if (!sameResult(outcome.result, known.result)) this.#wrong('I5', id, 'the stored result changed')
  }

  #askedAgain({ id }: ClaimRequest, outcome: ClaimOutcome, known: Known): void {
    this.#world.count('state: own claim asked again')
    if (outcome.kind === 'granted' && outcome.lease.fence === known.fence) return
    this.#wrong('I15', id, `an owner that asked again was answered ${outcome.kind}`)
  }

  #busy({ id }: ClaimRequest, outcome: ClaimOutcome, leftMs: number): void {
    this.#world.count('state: busy')
    if (outcome.kind === 'granted') this.#wrong('I4', id, 'a live lease was taken')
    else if (outcome.kind !== 'running') this.#wrong('I8', id, `busy was answered ${outcome.kind}`)
    else if (outcome.retryAfterMs > Math.ceil(leftMs)) this.#wrong('I8', id, 'busy for longer than the lease lasts')
  }

  renew({ lease, leaseMs, retentionMs, steps = [] }: Renewal, outcome: WriteOutcome): void {
    const now = this.#world.storeNow()
    const known = this.#holder(lease, now)
    this.#answered('renew', lease.id, outcome, known?.state === 'running')
    if (outcome === 'lost' || known === undefined) return
    known.leaseUntil = Math.max(known.leaseUntil, now + leaseMs)
    known.retainUntil = Math.max(known.retainUntil, now + leaseMs + retentionMs)
    known.stepsSaved = Math.max(known.stepsSaved, steps.length)
  }

  complete({ lease, result, retentionMs }: Completion, outcome: WriteOutcome): void {
    const now = this.#world.storeNow()
    const known = this.#holder(lease, now)
    const parked = known?.state === 'done' && known.result?.kind === 'unknown'
    this.#answered('complete', lease.id, outcome, known !== undefined && known.state !== 'idle')
    if (outcome === 'lost' || known === undefined || (known.state === 'done' && !parked)) return
    known.state = 'done'
    known.result = result
    known.leaseUntil = now
    known.retainUntil = result.kind === 'unknown' ? Number.POSITIVE_INFINITY : now + retentionMs
    known.results.push({ fingerprint: known.fingerprint, result })
  }

  release(lease: { readonly id: OperationId; readonly owner: string; readonly fence: number }, outcome: WriteOutcome) {
    const now = this.#world.storeNow()
    const known = this.#holder(lease, now)
    this.#answered('release', lease.id, outcome, known !== undefined && known.state !== 'done')
    if (outcome === 'lost' || known === undefined) return
    known.state = 'idle'
    known.released.add(lease.fence)
    known.leaseUntil = Math.min(known.leaseUntil, now)
  }

  /** A transaction commits a claim that it made and settled. */
  committed(record: OperationRecord): void {
    const { id, fence, fingerprint, result } = record
    const now = this.#world.storeNow()
    const current = this.#current(id, now)
    const known = this.#known.get(id) ?? unseen()
    this.#known.set(id, known)
    if (current !== undefined && current.state !== 'idle') {
      const leaseOver = current.state === 'running' && current.leaseUntil <= now
      if (!leaseOver) this.#wrong('I3', id, `a transaction replaced a record that was ${current.state}`)
    }
    if (current !== undefined && current.fingerprint !== fingerprint) this.#wrong('I6', id, 'another payload committed')
    if (fence <= known.fence) this.#wrong('I3', id, `fence ${fence} came after ${known.fence}`)
    if (result === undefined) {
      this.#wrong('I2', id, 'a transaction committed a claim without a result')
      return
    }
    known.state = 'done'
    known.fingerprint = fingerprint
    known.owner = record.owner
    known.fence = fence
    known.leaseUntil = now
    known.retainUntil = record.retainUntil
    known.result = result
    known.fences.set(fence, known.generation)
    known.results.push({ fingerprint, result })
  }

  /** A sweep removes for good what is past its retention: a clock that is set back does not bring it back. */
  swept(): void {
    const now = this.#world.storeNow()
    for (const [id, known] of this.#known) if (this.#current(id, now) === undefined) known.state = 'gone'
  }

  /** Forgetting an operation permits it to run again. */
  forgot(id: OperationId): void {
    const known = this.#known.get(id)
    if (known !== undefined) known.state = 'gone'
  }

  #granted(request: ClaimRequest, outcome: ClaimOutcome, now: number, why: string): void {
    const { id } = request
    if (outcome.kind !== 'granted') {
      this.#wrong(outcome.kind === 'done' ? 'I13' : 'I8', id, `${why}, but a claim was answered ${outcome.kind}`)
      return
    }
    const { lease, attempt, steps } = outcome
    const before = this.#known.get(id)
    const known = before ?? unseen()
    this.#known.set(id, known)
    if (lease.fence <= known.fence) this.#wrong('I3', id, `fence ${lease.fence} came after ${known.fence}`)
    if (this.#current(id, now) === undefined) {
      if (before !== undefined) {
        this.#world.count('state: the key was new again')
        known.generation++
      }
      known.abandoned = 0
      known.stepsSaved = 0
    }
    if (attempt !== known.abandoned + 1) {
      this.#wrong('I2', id, `attempt ${attempt} after ${known.abandoned} abandoned ones`)
    }
    if (steps.length < known.stepsSaved)
      this.#wrong('I2', id, `${known.stepsSaved - steps.length} saved steps are gone`)
    known.state = 'running'
    known.result = undefined
    known.fingerprint = request.fingerprint
    known.owner = request.owner
    known.fence = lease.fence
    known.leaseUntil = now + request.leaseMs
    known.retainUntil = known.leaseUntil + request.retentionMs
    known.fences.set(lease.fence, known.generation)
  }

  /** Returns what binds the key at this moment, if anything. */
  #current(id: OperationId, now: number): Known | undefined {
    const known = this.#known.get(id)
    if (known === undefined || known.state === 'gone') return undefined
    if (known.retainUntil > now || known.leaseUntil > now) return known
    return undefined
  }

  #holder(lease: { readonly id: OperationId; readonly owner: string; readonly fence: number }, now: number) {
    const known = this.#current(lease.id, now)
    return known?.owner === lease.owner && known.fence === lease.fence ? known : undefined
  }

  #answered(verb: string, id: OperationId, outcome: WriteOutcome, allowed: boolean): void {
    if (outcome === 'lost') this.#world.count('state: fenced out')
    if (allowed && outcome === 'lost') this.#wrong('I8', id, `${verb} of the owner was refused`)
    if (!allowed && outcome === 'ok') this.#wrong('I3', id, `${verb} of somebody who is not the owner was accepted`)
  }

  #wrong(invariant: string, id: OperationId, message: string): void {
    this.#world.violate(invariant, `store, operation ${id.slice(0, 8)}: ${message}`)
  }
}
