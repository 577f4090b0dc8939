import { backoff } from './backoff.ts'
import { Batcher } from './batcher.ts'
import { OnlyonceError, reasonOf } from './errors.ts'
import { quote } from './key.ts'
import type { Lease, ObservedRecord, OperationId } from './record.ts'
import { type Runtime, sleep } from './runtime.ts'
import type { ClaimOutcome, ClaimRequest, Completion, Renewal, Store, WriteOutcome } from './store.ts'
import { timeLimit } from './time-limit.ts'

/** The store as the engine uses it: single requests, batched underneath and settled within `storeTimeoutMs`. */
export interface StoreCalls {
  claim(request: ClaimRequest): Promise<ClaimOutcome>
  renew(renewal: Renewal): Promise<WriteOutcome>
  complete(completion: Completion): Promise<WriteOutcome>
  release(lease: Lease): Promise<ReleaseOutcome>
  find(id: OperationId): Promise<ObservedRecord | undefined>
  forget(id: OperationId): Promise<boolean>
}

/**
 * `in-doubt`: `lost`, but an earlier try had no answer. That one may have released it, and somebody else claimed it since.
 */
export type ReleaseOutcome = WriteOutcome | 'in-doubt'

export interface StoreCallsOptions {
  readonly runtime: Runtime
  readonly storeTimeoutMs: number
  readonly maxBatch: number
  readonly onFailure: (verb: string, error: unknown) => void
}

/** A try gets half of `storeTimeoutMs`, so that there is time for a retry after a lost answer. */
const TRIES_IN_TIMEOUT = 2
const FIRST_PAUSE_MS = 10
const LONGEST_PAUSE_MS = 200
const MAX_TRIES = 3

/**
 * Wraps a store with batching, a time limit for every call, and retries after a lost answer or a broken connection:
 * every verb may be repeated, except `forget`. An `OnlyonceError` from the store is not retried.
 */
export function createStoreCalls(store: Store, options: StoreCallsOptions): StoreCalls {
  const { runtime, storeTimeoutMs, maxBatch, onFailure } = options
  const tryMs = storeTimeoutMs / TRIES_IN_TIMEOUT
  const batching = { maxBatch, timeoutMs: tryMs, runtime, ...store.concurrency }
  const doubts = new WeakMap<ClaimRequest, Doubt>()
  const claim = new Batcher<ClaimRequest, ClaimOutcome>(
    {
      send: (batch) => store.claim(batch),
      idOf: ownId,
      onLate: (request, outcome) => {
        const doubt = doubts.get(request)
        if (doubt === undefined || outcome?.kind !== 'granted') return
        if (doubt.answer === undefined) doubt.late = outcome.lease
        else giveBack(outcome.lease, doubt.answer)
      },
    },
    batching,
  )
  const renew = new Batcher<Renewal, WriteOutcome>({ send: (batch) => store.renew(batch), idOf: leaseId }, batching)
  const complete = new Batcher<Completion, WriteOutcome>(
    { send: (batch) => store.complete(batch), idOf: leaseId },
    batching,
  )
  /** How often the release of a lease was sent: again by a retry, or because the batch that it was in has failed. */
  const sent = new WeakMap<Lease, number>()
  const release = new Batcher<Lease, WriteOutcome>(
    {
      send: (batch) => {
        for (const lease of batch) sent.set(lease, (sent.get(lease) ?? 0) + 1)
        return store.release(batch)
      },
      idOf: ownId,
    },
    batching,
  )
  const find = new Batcher<OperationId, ObservedRecord | undefined>({ send: findEach }, batching)

  /** Asks the store once for each distinct id of a batch. */
  async function findEach(ids: readonly OperationId[]): Promise<readonly (ObservedRecord | undefined)[]> {
    const distinct = [...new Set(ids)]
    const records = await store.find(distinct)
    if (distinct.length === ids.length || records.length !== distinct.length) return records
    const found = new Map(distinct.map((id, index) => [id, records[index]]))
    return ids.map((id) => found.get(id))
  }

  /** Not retried: the effect may have run again meanwhile, and its new record must not be removed. */
  async function forget(id: OperationId): Promise<boolean> {
    const silent = () => new Error(`no answer within ${storeTimeoutMs} ms`)
    try {
      return (await timeLimit(runtime, store.forget([id]), storeTimeoutMs, silent)) > 0
    } catch (failed) {
      const error = OnlyonceError.from(
        failed,
        'STORE_UNAVAILABLE',
        `the ${store.name} store did not forget (${reasonOf(failed)}); the record may be gone all the same: look for it before you ask again`,
      )
      onFailure('forget', error)
      throw error
    }
  }

  /** Uses callbacks, not chained promises: most calls succeed at the first try, and each promise costs a microtask. */
  function ask<Request, Answer>(verb: string, asked: Asked<Request, Answer>, request: Request): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const deadline = runtime.elapsed() + storeTimeoutMs
      asked.ask(request, resolve, (error) => {
        askAgain(verb, asked, request, deadline, error).then(resolve, reject)
      })
    })
  }

  async function askAgain<Request, Answer>(
    verb: string,
    asked: Asked<Request, Answer>,
    request: Request,
    deadline: number,
    failed: unknown,
  ): Promise<Answer> {
    const pauseMs = backoff(runtime, FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
    let error = failed
    for (let tries = 1; !OnlyonceError.is(error); tries++) {
      const pause = pauseMs()
      if (tries === MAX_TRIES || runtime.elapsed() + pause >= deadline) {
        error = new OnlyonceError(
          'STORE_UNAVAILABLE',
          `the ${store.name} store did not ${verb} (${reasonOf(error)}); nothing is known to have changed: ask again later`,
          { cause: error },
        )
        break
      }
      await sleep(runtime, pause)
      try {
        const limitMs = Math.min(tryMs, Math.max(deadline - runtime.elapsed(), 0))
        return await new Promise((resolve, reject) => asked.ask(request, resolve, reject, limitMs))
      } catch (again) {
        error = again
      }
    }
    onFailure(verb, error)
    throw error
  }

  /** Retries a claim and releases an unused late grant: it would hold the key, and then count as abandoned. */
  async function claimAgain(request: ClaimRequest, deadline: number, failed: unknown): Promise<ClaimOutcome> {
    const doubt: Doubt = {}
    doubts.set(request, doubt)
    try {
      doubt.answer = await askAgain('claim', claim, request, deadline, failed)
      return doubt.answer
    } catch (error) {
      doubt.answer = 'none'
      throw error
    } finally {
      if (doubt.late !== undefined && doubt.answer !== undefined) giveBack(doubt.late, doubt.answer)
    }
  }

  function giveBack(lease: Lease, answer: ClaimOutcome | 'none'): void {
    const isUsed = answer !== 'none' && answer.kind === 'granted' && answer.lease.fence === lease.fence
    if (!isUsed) release.submit(lease).catch(() => {})
  }

  return {
    claim: (request) =>
      new Promise((resolve, reject) => {
        const deadline = runtime.elapsed() + storeTimeoutMs
        const answered = (outcome: ClaimOutcome) => {
          if (!isOutcome(outcome)) reject(noOutcome(store.name, request.id, outcome))
          else if (belongsTo(request.id, outcome)) resolve(outcome)
          else reject(strangerAnswer(request.id))
        }
        claim.ask(request, answered, (error) => {
          claimAgain(request, deadline, error).then(answered, reject)
        })
      }),
    renew: (renewal) => ask('renew', renew, renewal),
    complete: (completion) => ask('complete', complete, completion),
    release: async (lease) => {
      const outcome = await ask('release', release, lease)
      return outcome === 'lost' && (sent.get(lease) ?? 0) > 1 ? 'in-doubt' : outcome
    },
    find: async (id) => {
      const record = await ask('find', find, id)
      if (record !== undefined && record.id !== id) throw strangerAnswer(id)
      return record
    },
    forget,
  }
}

/** State of a claim that is retried: the final answer to its caller, and the lease of a grant that arrived late. */
interface Doubt {
  answer?: ClaimOutcome | 'none'
  late?: Lease
}

interface Asked<Request, Answer> {
  ask(request: Request, resolve: (answer: Answer) => void, reject: (error: unknown) => void, limitMs?: number): void
}

function ownId({ id }: { readonly id: OperationId }): OperationId {
  return id
}

function leaseId({ lease }: { readonly lease: Lease }): OperationId {
  return lease.id
}

/** A store written by hand may forget an answer. What is thrown while answers are handed out would reach no caller. */
function isOutcome(given: ClaimOutcome): boolean {
  const { kind, lease } = Object(given) as { readonly kind?: unknown; readonly lease?: unknown }
  return kind === 'granted' ? Object(lease) === lease : kind === 'done' || kind === 'running' || kind === 'mismatch'
}

function noOutcome(name: string, id: OperationId, given: unknown): OnlyonceError {
  return new OnlyonceError(
    'OUTCOME_UNKNOWN',
    `the ${name} store answered the claim of operation ${id} with ${quote(given)}, which is none of its outcomes; nothing was run: repair the store (storeConformance tests it)`,
  )
}

/** A client that mixes up replies must not make us replay the result of another operation (CVE-2023-28858). */
function belongsTo(id: OperationId, outcome: ClaimOutcome): boolean {
  if (outcome.kind === 'granted') return outcome.lease.id === id
  return outcome.kind !== 'done' || outcome.id === id
}

function strangerAnswer(id: OperationId): OnlyonceError {
  return new OnlyonceError(
    'OUTCOME_UNKNOWN',
    `the store answered for another operation than ${id}; its client mixes up replies, and nothing it says can be used`,
  )
}
