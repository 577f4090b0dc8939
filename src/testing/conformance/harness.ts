import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { operationId } from '../../core/key.ts'
import type { Lease, ObservedRecord, OperationId, StoredResult } from '../../core/record.ts'
import {
  type ClaimOutcome,
  type ClaimRequest,
  type Completion,
  isTransactional,
  type Renewal,
  type Store,
  type TransactionalStore,
  type WriteOutcome,
} from '../../core/store.ts'

/** An open and empty store, and what a case may do to it besides calling its verbs. */
export interface StoreUnderTest {
  /** Open, empty, and used by no other case. */
  readonly store: Store
  /** Moves the store's clock forward by at least `ms`. Fakes jump, real servers sleep. */
  advance(ms: number): Promise<void>
  /** Called after the case, whether it passed or not. */
  close?(): PromiseLike<void>
  /** Closes the store and opens the same data again, as a restart would; the case continues with the store returned. */
  reopen?(): Promise<Store>
  /** Opens the same data once more while the store stays open, as another process does. The suite closes it. */
  another?(): Promise<Store>
  /** Ends the open transaction without the store, like an effect that runs its own `COMMIT`. */
  endTransaction?(tx: unknown): Promise<void>
}

/**
 * What a case may need of a store: a trait, or a member of `StoreUnderTest` that may be left out. Without it the case
 * is skipped.
 */
export type Need = 'transactional' | 'watch' | 'reopen' | 'another' | 'durable' | 'endTransaction'

/** One rule that must hold for every store, and its test. */
export interface StoreCase {
  readonly name: string
  readonly group: string
  /** What the store must have for the case to apply. */
  readonly needs?: readonly Need[]
  /** Resolves if the rule holds; rejects with what was seen instead. */
  run(context: StoreContext): Promise<void>
}

/** What a case works with: the store, its verbs with a batch of one, and its clock. */
export interface StoreContext extends StoreUnderTest, SingleVerbs {
  /** Lets a little more than `ms` pass, since a sleep and the server's clock may differ by a tick. */
  pass(ms: number): Promise<void>
  /** `another` of what was opened, for cases that need it. */
  openAnother(): Promise<Store>
}

/** The verbs with a batch of one. */
export interface SingleVerbs {
  /** `store.claim`, for one operation. */
  claim(request: ClaimRequest): Promise<ClaimOutcome>
  /** `store.renew`, for one operation. */
  renew(renewal: Renewal): Promise<WriteOutcome>
  /** `store.complete`, for one operation. */
  complete(completion: Completion): Promise<WriteOutcome>
  /** `store.release`, for one operation. */
  release(lease: Lease): Promise<WriteOutcome>
  /** `store.find`, for one operation. */
  find(id: OperationId): Promise<ObservedRecord | undefined>
}

/** Far longer than a case takes: for what must not expire during it. */
export const LONG_MS = 600_000
/** Short enough to sleep through, long enough for a few round trips to a busy server. */
export const BRIEF_MS = 300
const MARGIN_MS = 25

/** `others` gets what the case opens besides, so that it can be closed. */
export function contextOf(opened: StoreUnderTest, others: Store[]): StoreContext {
  const openAnother = async () => {
    const other = await (opened.another as () => Promise<Store>)()
    others.push(other)
    return other
  }
  return { ...opened, ...singleVerbs(opened.store), openAnother, pass: (ms) => opened.advance(ms + MARGIN_MS) }
}

export function singleVerbs(store: Store): SingleVerbs {
  return {
    claim: async (request) => only(await store.claim([request])),
    renew: async (renewal) => only(await store.renew([renewal])),
    complete: async (completion) => only(await store.complete([completion])),
    release: async (lease) => only(await store.release([lease])),
    find: async (id) => only(await store.find([id])),
  }
}

function only<T>(answers: readonly T[]): T {
  assert.equal(answers.length, 1, 'a batch of one gets one answer')
  return answers[0] as T
}

/** Returns the needs that `opened` does not meet. */
export function unmet({ needs = [] }: StoreCase, opened: StoreUnderTest): readonly Need[] {
  const { store } = opened
  const met: Record<Need, boolean> = {
    transactional: store.traits.transactional,
    durable: store.traits.durable,
    watch: store.watch !== undefined,
    reopen: opened.reopen !== undefined,
    another: opened.another !== undefined,
    endTransaction: opened.endTransaction !== undefined,
  }
  return needs.filter((need) => !met[need])
}

export function transactional(store: Store): TransactionalStore<unknown> {
  assert.ok(isTransactional<unknown>(store))
  return store
}

export function newOwner(): string {
  return randomBytes(16).toString('hex')
}

/** A claim of an operation that no other case uses. */
export function fresh(change: Partial<Omit<ClaimRequest, 'id' | 'key' | 'scope'>> = {}): ClaimRequest {
  return { ...named('conformance', `key-${randomUUID()}`), ...change }
}

export function named(scope: string, key: string): ClaimRequest {
  const id = operationId(scope, key)
  return { id, scope, key, fingerprint: 'v1:one', owner: newOwner(), leaseMs: LONG_MS, retentionMs: LONG_MS }
}

/** The same operation and payload, claimed by another owner. */
export function rival(request: ClaimRequest, change: Partial<ClaimRequest> = {}): ClaimRequest {
  return { ...request, owner: newOwner(), ...change }
}

export function strange(request: ClaimRequest): ClaimRequest {
  return rival(request, { fingerprint: 'v1:other' })
}

export function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text))
}

export function aValue(text: string): StoredResult {
  return { kind: 'value', body: bytes(text) }
}

export function completion(lease: Lease, result: StoredResult, retentionMs = LONG_MS): Completion {
  return { lease, result, retentionMs }
}

type Granted = Extract<ClaimOutcome, { kind: 'granted' }>
type Done = Extract<ClaimOutcome, { kind: 'done' }>
type Running = Extract<ClaimOutcome, { kind: 'running' }>

export function granted(outcome: ClaimOutcome | undefined): Granted {
  assert.equal(outcome?.kind, 'granted')
  return outcome as Granted
}

/** Of two fences. Without words, a test runner says only that false is not true. */
export function isAbove(fence: number, last: number): void {
  assert.ok(fence > last, `the fence ${fence} should be above ${last}`)
}

/** Of a time that a record has, counted from another: servers take their time, but no tenth of `LONG_MS`. */
export function isAbout(what: string, time: number | undefined, from: number | undefined, ms: number): void {
  const is = (time ?? Number.NaN) - (from ?? Number.NaN)
  assert.ok(Math.abs(is - ms) < LONG_MS / 10, `${what} should be ${ms} ms later, and is ${is} ms later`)
}

export function done(outcome: ClaimOutcome | undefined): Done {
  assert.equal(outcome?.kind, 'done')
  return outcome as Done
}

export function running(outcome: ClaimOutcome | undefined): Running {
  assert.equal(outcome?.kind, 'running')
  return outcome as Running
}

export function mismatched(outcome: ClaimOutcome | undefined): void {
  // Nothing else: a caller with another payload must not learn the first one's result.
  assert.deepEqual(outcome, { kind: 'mismatch' })
}

export function sameResult(actual: StoredResult | undefined, expected: StoredResult): void {
  assert.equal(actual?.kind, expected.kind)
  sameBytes(actual?.body, expected.body)
}

export function sameBytes(actual: Uint8Array | undefined, expected: Uint8Array): void {
  assert.ok(actual instanceof Uint8Array, 'bytes come back as a Uint8Array')
  assert.ok(Buffer.compare(actual, expected) === 0, `${show(actual)} should be ${show(expected)}`)
}

function show(value: Uint8Array): string {
  return `${value.length} bytes ${Buffer.from(value.subarray(0, 16)).toString('hex')}`
}

/** Returns a record's content in a form in which two readings can be compared. */
function facts(record: ObservedRecord | undefined): unknown {
  if (record === undefined) return undefined
  const { readAt: _, ...rest } = record
  return JSON.parse(JSON.stringify(rest, (_key, value) => (value instanceof Uint8Array ? show(value) : value)))
}

/** Runs `work` and asserts that it left the record unchanged. */
export async function unchanged<T>(verbs: SingleVerbs, id: OperationId, work: () => Promise<T>): Promise<T> {
  const before = facts(await verbs.find(id))
  const answer = await work()
  assert.deepEqual(facts(await verbs.find(id)), before, 'the record should be as it was')
  return answer
}

/** Where transactions run one at a time, the rival's only begins after the first; so `begins` waits this long. */
const BEGINS_MS = 200
const ASKS_MS = 50

/** A rival in its own transaction. It fails if it is answered before `mayBeAnswered` was called. */
export function rivalBeside<T>(store: TransactionalStore<unknown>, ask: (tx: unknown) => Promise<T>) {
  let answer: Promise<T> | undefined
  let mayBeAnswered = false

  async function asked(tx: unknown): Promise<T> {
    const told = await ask(tx)
    assert.ok(mayBeAnswered, 'the rival was answered before the first transaction ended')
    return told
  }

  return {
    get answer(): Promise<T> {
      assert.ok(answer !== undefined)
      return answer
    },
    /** Resolves when the rival had time to ask. */
    async begins() {
      const begun = new Promise<void>((resolve) => {
        answer = store.transaction((tx) => {
          resolve()
          return asked(tx)
        })
      })
      answer?.catch(() => {})
      await Promise.race([begun, pause(BEGINS_MS)])
      await pause(ASKS_MS)
    },
    mayBeAnswered() {
      mayBeAnswered = true
    },
  }
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
