import { OnlyonceError } from '../../core/errors.ts'
import { refuseUnknown } from '../../core/option-rules.ts'
import { checkStore } from '../../core/options.ts'
import type { ObservedRecord, OperationId, Steps, StoredResult } from '../../core/record.ts'
import {
  type AtomicClaims,
  type ClaimOutcome,
  type Completion,
  isTransactional,
  type Store,
  type TransactionalStore,
} from '../../core/store.ts'
import { createSeal, type Seal, type SealKey, saysNothing } from './seal.ts'

export type { SealKey } from './seal.ts'

/** Options of `sealedStore`; any other name is OPTION_INVALID. */
export interface SealedStoreOptions {
  /**
   * The first one seals, each of them opens. Put a new one at the end; once every process has it, in front; and take the
   * old one out after `retentionMs`.
   */
  readonly keys: readonly SealKey[]
}

/**
 * Any store, with results and steps encrypted and bound to their operation: who can read the store learns no result, and
 * who can write to it cannot make one up, or move one to another operation. What cannot be opened is `OUTCOME_UNKNOWN`,
 * and its effect is not run again.
 *
 * Not sealed: scopes and keys (see `keys: 'hashed'`), fingerprints, which are digests of payloads, states and times, and
 * the messages of an outbox.
 * @throws OnlyonceError OPTION_INVALID
 */
export function sealedStore<S extends Store>(store: S, options: SealedStoreOptions): S {
  checkStore(store)
  refuseUnknown(options, ['keys'])
  const seal = createSeal((Object(options) as SealedStoreOptions).keys)
  const verbs: Store = {
    name: store.name,
    traits: store.traits,
    ...(store.concurrency === undefined ? {} : { concurrency: store.concurrency }),
    async claim(requests) {
      const outcomes = await store.claim(requests)
      try {
        return outcomes.map((outcome, at) => opened(seal, requests[at]?.id as OperationId, outcome))
      } catch (error) {
        // Of several the engine asks for each again, and is granted the same claims: those given back here it would be refused.
        if (outcomes.length === 1) await giveBack(store, outcomes[0])
        throw error
      }
    },
    renew: (renewals) =>
      store.renew(
        renewals.map((one) =>
          one.steps === undefined ? one : { ...one, steps: closedSteps(seal, one.lease.id, one.steps) },
        ),
      ),
    complete: (completions) => store.complete(completions.map((one) => closed(seal, one))),
    release: (leases) => store.release(leases),
    async find(ids) {
      const records = await store.find(ids)
      return records.map((record) => (record === undefined ? undefined : openedRecord(seal, record)))
    },
    async list(query) {
      const page = await store.list(query)
      return { ...page, items: page.items.map((record) => listedRecord(seal, record)) }
    },
    forget: (ids) => store.forget(ids),
    sweep: (limit) => store.sweep(limit),
    ...(store.watch === undefined ? {} : { watch: store.watch.bind(store) }),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
  // What only this kind of store has (migrations, sizes, …) stays reachable.
  const whole = Object.assign(Object.create(store) as S, verbs)
  return isTransactional<unknown>(store) ? Object.assign(whole, transactional(seal, store)) : whole
}

/**
 * A claim that nobody uses would in the end count as abandoned, and be parked though nothing ever ran. One that was abandoned
 * before is left so: given back it would be nobody's to carry on but a caller's, and a completer that has the key may find it.
 */
async function giveBack(store: Store, outcome: ClaimOutcome | undefined): Promise<void> {
  if (outcome?.kind !== 'granted' || outcome.attempt > 1) return
  try {
    await store.release([outcome.lease])
  } catch {
    // The caller has to be told why it was not opened; the lease runs out by itself.
  }
}

function transactional<Tx>(seal: Seal, store: TransactionalStore<Tx>) {
  return {
    transaction: store.transaction.bind(store),
    within(tx: Tx): AtomicClaims {
      const claims = store.within(tx)
      return {
        claim: async (request) => opened(seal, request.id, await claims.claim(request)),
        async claimAll(requests) {
          const outcomes = await claims.claimAll(requests)
          return outcomes.map((outcome, at) => opened(seal, requests[at]?.id as OperationId, outcome))
        },
        complete: (completion) => claims.complete(closed(seal, completion)),
        guarded: (work) => claims.guarded(work),
      }
    },
    outbox: store.outbox,
  }
}

function closed(seal: Seal, completion: Completion): Completion {
  const { lease, result } = completion
  return { ...completion, result: { ...result, body: seal.close(result.body, placeOf(lease.id, result.kind)) } }
}

function opened(seal: Seal, id: OperationId, outcome: ClaimOutcome): ClaimOutcome {
  if (outcome.kind === 'done') return { ...outcome, result: openedResult(seal, id, outcome.result) }
  if (outcome.kind === 'granted') return { ...outcome, steps: openedSteps(seal, id, outcome.steps) }
  return outcome
}

function openedRecord(seal: Seal, record: ObservedRecord): ObservedRecord {
  const { id, steps, result } = record
  return {
    ...record,
    steps: openedSteps(seal, id, steps),
    ...(result === undefined ? {} : { result: openedResult(seal, id, result) }),
  }
}

/**
 * One record that cannot be opened must not hide those beside it: whoever asks for that operation is told. Of what is
 * sealed nothing is handed on, so that nobody takes it for a result.
 */
function listedRecord(seal: Seal, record: ObservedRecord): ObservedRecord {
  try {
    return openedRecord(seal, record)
  } catch (error) {
    if (!OnlyonceError.is(error)) throw error
    const unknown: StoredResult = { kind: 'unknown', body: new Uint8Array() }
    return { ...record, steps: [], ...(record.result === undefined ? {} : { result: unknown }) }
  }
}

/**
 * The kind is part of the place: a result that was stored as an error cannot be passed off as a value. That there is no
 * value is no secret; a step without one is always sealed, or whoever writes to the store could have it skipped.
 */
function openedResult(seal: Seal, id: OperationId, { kind, body }: StoredResult): StoredResult {
  if (kind === 'value' && saysNothing(body)) return { kind, body }
  return { kind, body: seal.open(body, placeOf(id, kind)) }
}

function closedSteps(seal: Seal, id: OperationId, steps: Steps): Steps {
  return steps.map(({ name, result }) => ({ name, result: seal.close(result, placeOf(id, 'step', name)) }))
}

function openedSteps(seal: Seal, id: OperationId, steps: Steps): Steps {
  return steps.map(({ name, result }) => ({ name, result: seal.open(result, placeOf(id, 'step', name)) }))
}

function placeOf(...parts: string[]): string {
  return JSON.stringify(['onlyonce seal 1', ...parts])
}
