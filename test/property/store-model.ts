import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Lease, Step } from '../../src/core/record.ts'
import type { ClaimOutcome, ClaimRequest, Store } from '../../src/core/store.ts'
import type { FakeRuntime } from '../../src/testing/index.ts'
import { type Known, World } from './world.ts'

/** A store whose clock is `runtime`, so that the model knows the time to the millisecond. */
export interface ModelledStore {
  readonly store: Store
  readonly runtime: FakeRuntime
  close(): PromiseLike<void>
}

/** Short times on a coarse grid, so that ends of leases and retentions are met exactly, just before and just after. */
const LEASES = [5, 10, 20, 20, 80] as const
const IDS = ['a', 'b'].map((letter) => letter.repeat(32))
const OWNERS = ['w1', 'w2', 'w3'] as const

export type Op =
  | {
      readonly do: 'claim'
      readonly id: number
      readonly owner: number
      readonly print: number
      readonly leaseMs: number
      readonly retentionMs: number
      readonly again: boolean
    }
  | {
      readonly do: 'renew'
      readonly lease: number
      readonly leaseMs: number
      readonly retentionMs: number
      readonly steps: number
    }
  | {
      readonly do: 'complete'
      readonly lease: number
      readonly value: number
      readonly unknown: boolean
      readonly retentionMs: number
    }
  | { readonly do: 'release'; readonly lease: number }
  | { readonly do: 'forget'; readonly id: number }
  | { readonly do: 'sweep' }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'set-back'; readonly ms: number }
  /** An earlier request arrives once more, as it was. */
  | { readonly do: 'repeat'; readonly request: number }

const time = fc.constantFrom(...LEASES)
const index = fc.nat(7)
/** Counted from the newest: the lease that counts, mostly, or one that does not any more. */
const recent = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: fc.nat(5) })

const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('claim'),
      id: fc.nat(IDS.length - 1),
      owner: fc.nat(OWNERS.length - 1),
      print: fc.constantFrom(0, 0, 0, 1),
      leaseMs: time,
      retentionMs: time,
      again: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('renew'),
      lease: recent,
      leaseMs: time,
      retentionMs: time,
      steps: fc.nat(3),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('complete'),
      lease: recent,
      value: index,
      unknown: fc.constantFrom(false, false, true),
      retentionMs: time,
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('release'), lease: recent }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget'), id: fc.nat(IDS.length - 1) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('sweep') }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('advance'), ms: fc.constantFrom(0, 1, 4, 5, 10, 19, 20, 40) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('set-back'), ms: fc.constantFrom(1, 5, 30) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('repeat'), request: fc.nat(9) }) },
) as fc.Arbitrary<Op>

export const ops: fc.Arbitrary<readonly Op[]> = fc.array(op, { minLength: 1, maxLength: 40, size: 'max' })

/** Which interesting things happened: a property that never meets them proves nothing. */
export type Seen = Map<string, number>

/** Does to the store what `script` says and fails at the first answer that the model cannot explain. */
export async function runScript(modelled: ModelledStore, script: readonly Op[], seen: Seen = new Map()): Promise<void> {
  const run = new ScriptRun(modelled, seen)
  for (const one of script) {
    await run.perform(one)
    await run.compareRecords()
  }
}

class ScriptRun {
  private readonly world: World
  private readonly store: Store
  private readonly runtime: FakeRuntime
  private readonly seen: Seen
  private readonly leases: Lease[] = []
  private readonly sent: (() => Promise<void>)[] = []
  private readonly tokens = new Map<string, number>()

  constructor({ store, runtime }: ModelledStore, seen: Seen) {
    this.store = store
    this.runtime = runtime
    this.seen = seen
    this.world = new World(() => runtime.now())
  }

  async perform(one: Op): Promise<void> {
    switch (one.do) {
      case 'claim': {
        const request = this.claimOf(one)
        return this.send(() => this.claim(request))
      }
      case 'renew': {
        const lease = this.recent(one.lease)
        const steps = Array.from(
          { length: one.steps },
          (_, nth): Step => ({ name: `s${nth}`, result: Uint8Array.of(nth, one.lease) }),
        )
        const renewal = { lease, leaseMs: one.leaseMs, retentionMs: one.retentionMs, steps }
        return this.send(async () =>
          this.write('renew', (await this.store.renew([renewal]))[0], this.world.renew(renewal)),
        )
      }
      case 'complete': {
        const lease = this.recent(one.lease)
        const result = { kind: one.unknown ? 'unknown' : 'value', body: Uint8Array.of(one.value, 255) } as const
        const completion = { lease, result, retentionMs: one.retentionMs }
        return this.send(async () =>
          this.write('complete', (await this.store.complete([completion]))[0], this.world.complete(completion)),
        )
      }
      case 'release': {
        const lease = this.recent(one.lease)
        return this.send(async () =>
          this.write('release', (await this.store.release([lease]))[0], this.world.release(lease)),
        )
      }
      case 'forget':
        await this.store.forget([IDS[one.id] as string])
        return this.world.forget(IDS[one.id] as string)
      case 'sweep':
        await this.store.sweep(100)
        return this.world.sweep()
      case 'advance':
        return this.runtime.advance(one.ms)
      case 'set-back':
        return this.runtime.step(-one.ms)
      case 'repeat':
        this.count('repeat')
        return this.sent[this.sent.length - 1 - one.request]?.()
    }
  }

  /** What the store shows of every operation is what the model knows. */
  async compareRecords(): Promise<void> {
    const records = await this.store.find(IDS)
    for (const [nth, id] of IDS.entries()) {
      const known = this.world.known(id)
      const record = records[nth]
      const shown = record && {
        fingerprint: record.fingerprint,
        state: record.state,
        owner: record.owner,
        fence: record.fence,
        attempt: record.attempt,
        starts: record.starts,
        leaseUntil: record.leaseUntil,
        steps: shownSteps(record.steps),
        result: record.result && `${record.result.kind} ${Buffer.from(record.result.body).toString('hex')}`,
      }
      assert.deepEqual(shown, known && expected(known), `record ${id[0]}`)
    }
  }

  private async send(request: () => Promise<void>): Promise<void> {
    this.sent.push(request)
    await request()
  }

  private async claim(request: ClaimRequest): Promise<void> {
    const [outcome] = await this.store.claim([request])
    assert.ok(outcome !== undefined)
    this.count(`claim ${outcome.kind}`)
    const before = this.world.known(request.id)
    const fits = this.world.claim(request, outcome)
    assert.ok(fits === true, `${fits}: ${show(outcome)} to ${show(request)} while ${show(before)}`)
    if (outcome.kind !== 'granted') return
    if (outcome.attempt > 1) this.count('takeover')
    if (this.leases.every((lease) => lease.fence !== outcome.lease.fence || lease.id !== outcome.lease.id)) {
      this.leases.push(outcome.lease)
    }
  }

  private write(verb: string, actual: unknown, wanted: 'ok' | 'lost'): void {
    this.count(`${verb} ${wanted}`)
    assert.equal(actual, wanted, verb)
  }

  /** A worker claims with a token of its own each time, or repeats its last one. */
  private claimOf({ id, owner, print, leaseMs, retentionMs, again }: Op & { do: 'claim' }): ClaimRequest {
    const worker = `${IDS[id]?.[0]}-${OWNERS[owner]}`
    const round = (this.tokens.get(worker) ?? 0) + (again ? 0 : 1)
    this.tokens.set(worker, round)
    return { id: IDS[id] as string, fingerprint: `v1:${print}`, owner: `${worker}-${round}`, leaseMs, retentionMs }
  }

  private recent(back: number): Lease {
    return this.leases[this.leases.length - 1 - back] ?? { id: IDS[0] as string, owner: 'nobody', fence: 1 }
  }

  private count(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1)
  }
}

function expected(known: Known): unknown {
  const { fingerprint, state, owner, fence, attempt, starts, leaseUntil, steps, result } = known
  const shownResult = result && `${result.kind} ${Buffer.from(result.body).toString('hex')}`
  return {
    fingerprint,
    state,
    owner,
    fence,
    attempt,
    starts,
    leaseUntil,
    steps: shownSteps(steps),
    result: shownResult,
  }
}

function shownSteps(steps: readonly Step[]): readonly string[] {
  return steps.map((step) => `${step.name} ${Buffer.from(step.result).toString('hex')}`)
}

function show(value: ClaimOutcome | ClaimRequest | Known | undefined): string {
  return JSON.stringify(value)
}
