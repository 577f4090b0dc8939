import type { Lease, OperationId, Steps, StoredResult } from '../../src/core/record.ts'
import type { ClaimOutcome, ClaimRequest, Completion, Renewal, WriteOutcome } from '../../src/core/store.ts'

/** What an observer of all requests and answers knows of one operation. Written apart from `lifecycle.ts` on purpose. */
export interface Known {
  readonly fingerprint: string
  readonly owner: string
  readonly fence: number
  readonly starts: number
  attempt: number
  state: 'running' | 'idle' | 'done'
  leaseUntil: number
  /** The first moment at which the key is new again. */
  goneAt: number
  steps: Steps
  result: StoredResult | undefined
}

/** The rules of DESIGN.md as a bystander would check them: each answer is either explained by what was seen, or wrong. */
export class World {
  private readonly operations = new Map<OperationId, Known>()
  private readonly highestFence = new Map<OperationId, number>()
  private readonly now: () => number

  constructor(now: () => number) {
    this.now = now
  }

  known(id: OperationId): Known | undefined {
    const operation = this.operations.get(id)
    return operation !== undefined && this.now() < Math.max(operation.goneAt, operation.leaseUntil)
      ? operation
      : undefined
  }

  /** `true`, or the rule that the answer breaks. */
  claim(request: ClaimRequest, answer: ClaimOutcome): true | string {
    const known = this.known(request.id)
    const bound = known !== undefined && known.fingerprint !== request.fingerprint
    if (bound !== (answer.kind === 'mismatch')) return 'a mismatch exactly when another payload is bound'
    if (answer.kind === 'mismatch') return true
    if ((known?.state === 'done') !== (answer.kind === 'done')) return 'done exactly when it was settled'
    if (answer.kind === 'done') {
      const same = answer.id === request.id && answer.fence === known?.fence
      return (same && sameResult(answer.result, known?.result)) || 'every answer is the same until retention ends'
    }
    const mine = known?.state === 'running' && known.owner === request.owner
    const live = known?.state === 'running' && known.leaseUntil > this.now()
    const late = known?.state === 'idle' && known.owner === request.owner
    if (((live && !mine) || late) !== (answer.kind === 'running')) {
      return 'running exactly while another holds a live lease, or for a late copy of a claim that was given back'
    }
    if (answer.kind === 'running') {
      const left = late ? 0 : (known?.leaseUntil ?? 0) - this.now()
      return answer.retryAfterMs === left || 'retryAfterMs is the rest of the lease'
    }
    return this.granted(request, answer, known, mine)
  }

  private granted(
    request: ClaimRequest,
    { lease, attempt, starts, steps }: Extract<ClaimOutcome, { kind: 'granted' }>,
    known: Known | undefined,
    mine: boolean,
  ): true | string {
    if (lease.id !== request.id || lease.owner !== request.owner) return 'the lease is for who asked'
    const highest = this.highestFence.get(request.id) ?? 0
    if (mine) return lease.fence === known?.fence || 'a repeated claim has the same fence'
    if (lease.fence <= highest) return 'fences strictly grow'
    if (lease.fence < Math.floor(this.now() * 1000)) return 'a fence is not behind the clock'
    if (attempt !== (known?.attempt ?? 0) + 1) return 'each abandoned owner is one attempt'
    if (starts !== (known?.starts ?? 0) + 1) return 'each grant is one start'
    if (steps.length !== (known?.steps.length ?? 0)) return 'steps are handed on'
    this.highestFence.set(request.id, lease.fence)
    const leaseUntil = this.now() + request.leaseMs
    this.operations.set(request.id, {
      fingerprint: request.fingerprint,
      owner: request.owner,
      fence: lease.fence,
      starts,
      attempt,
      state: 'running',
      leaseUntil,
      goneAt: leaseUntil + request.retentionMs,
      steps: known?.steps ?? [],
      result: undefined,
    })
    return true
  }

  renew({ lease, leaseMs, retentionMs, steps = [] }: Renewal): WriteOutcome {
    const held = this.heldBy(lease)
    if (held?.state !== 'running') return 'lost'
    const leaseUntil = this.now() + leaseMs
    held.leaseUntil = Math.max(held.leaseUntil, leaseUntil)
    held.goneAt = Math.max(held.goneAt, leaseUntil + retentionMs)
    if (steps.length > held.steps.length) held.steps = steps
    return 'ok'
  }

  complete({ lease, result, retentionMs }: Completion): WriteOutcome {
    const held = this.heldBy(lease)
    if (held === undefined || held.state === 'idle') return 'lost'
    const undecided = held.state === 'running' || (held.result?.kind === 'unknown' && result.kind !== 'unknown')
    if (!undecided) return 'ok'
    held.state = 'done'
    held.result = result
    held.steps = []
    held.leaseUntil = this.now()
    held.goneAt = result.kind === 'unknown' ? Number.POSITIVE_INFINITY : this.now() + retentionMs
    return 'ok'
  }

  release(lease: Lease): WriteOutcome {
    const held = this.heldBy(lease)
    if (held === undefined || held.state === 'done') return 'lost'
    if (held.state === 'idle') return 'ok'
    held.state = 'idle'
    held.attempt -= 1
    held.leaseUntil = this.now()
    return 'ok'
  }

  forget(id: OperationId): void {
    this.operations.delete(id)
  }

  sweep(): void {
    for (const id of this.operations.keys()) if (this.known(id) === undefined) this.operations.delete(id)
  }

  private heldBy(lease: Lease): Known | undefined {
    const known = this.known(lease.id)
    return known?.owner === lease.owner && known.fence === lease.fence ? known : undefined
  }
}

function sameResult(a: StoredResult, b: StoredResult | undefined): boolean {
  return a.kind === b?.kind && Buffer.compare(a.body, b.body) === 0
}
