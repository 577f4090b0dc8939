import { isLock } from '../../core/key.ts'
import type { Lease, ObservedRecord, StoredResult } from '../../core/record.ts'
import { readResult, storedValue } from '../../core/result.ts'
import { fromStored } from '../../http/stored-reply.ts'
import { readStored } from '../../rpc/stored.ts'
import { withoutQuery } from '../../stores/urls/url.ts'
import { type Act, type ActOptions, act, forget } from '../act.ts'
import { failure, usage } from '../exit.ts'
import type { Io } from '../io.ts'
import { stateOf } from '../record.ts'
import { storeUrl } from '../store.ts'
import { duration } from '../time.ts'

export interface ResolveOptions extends ActOptions {
  readonly happened?: boolean
  readonly didNotHappen?: boolean
  /** JSON. */
  readonly value?: string
  readonly retentionMs?: number
}

/** Retention of the result of an `unknown` operation, whose record no longer has its own. */
const DEFAULT_RETENTION_MS = 86_400_000

export function keysResolve(io: Io, options: ResolveOptions): Promise<number> {
  if ((options.happened === true) === (options.didNotHappen === true)) {
    throw usage('say what became of the effect: either --happened or --did-not-happen')
  }
  if (options.happened) return act(io, options, happenedWith(storeUrl(io, options.store), options))
  if (options.value !== undefined) throw usage('--value belongs to --happened: an effect that did not happen has none')
  if (options.retentionMs !== undefined)
    throw usage('--retention-ms belongs to --happened: it is how long the result is kept')
  return act(io, options, DID_NOT_HAPPEN)
}

/** `url`: the store's. @throws CliError for a value that cannot be stored, or that this store does not keep */
export function happenedWith(url: string, options: Pick<ResolveOptions, 'scope' | 'value' | 'retentionMs'>): Act {
  const result = resultFrom(options.value)
  const compact = compactIn(url)
  if (compact !== undefined && (options.value !== undefined || options.retentionMs !== undefined)) throw keepsNothing()
  return happened(result, options, compact)
}

function happened(
  result: StoredResult,
  { scope, value, retentionMs }: Pick<ResolveOptions, 'scope' | 'value' | 'retentionMs'>,
  compact: 'given' | 'default' | undefined,
): Act {
  return {
    verb: 'resolve',
    done: 'resolved (happened)',
    risk: 'keeps the effect from ever running again',
    warnings(record) {
      requireUndecided(record)
      requireNoLock(scope ?? record.scope)
      requireReadable(scope ?? record.scope, result)
      return [
        `The operation becomes done with ${answerFor(scope ?? record.scope, value)} from now on.`,
        'The effect does not run again. If it did not happen after all, it is lost.',
        ...(compact === 'default' ? [AS_BY_DEFAULT] : []),
      ]
    },
    async apply(store, record) {
      const [outcome] = await store.complete([
        { lease: leaseOf(record), result, retentionMs: retentionMs ?? retentionOf(record) },
      ])
      if (outcome !== 'ok') return 'lost'
      // If the late owner has settled it first, its result stays, but the store answers `ok` to our completion.
      const [after] = await store.find([record.id])
      return after?.result?.kind === result.kind && Buffer.compare(after.result.body, result.body) === 0 ? 'ok' : 'lost'
    },
  }
}

/** What it is done with, and what that means for duplicates. */
function answerFor(scope: string | undefined, value: string | undefined): string {
  if (value !== undefined) return 'the value you gave, and duplicates are answered with it'
  if (guardOf(scope) === undefined) return 'no value, and duplicates are answered with `undefined`'
  return 'no answer, and duplicates are told that it happened and that its answer is not known'
}

const AS_BY_DEFAULT =
  'That holds if the application has `compact: true`. If it gives a retention, or a number of keys, the URL has to have the same: ' +
  '`compactRetentionMs`, `compactKeys`. With others it does not find what is resolved here, and the effect runs again.'

/** Whether the URL says that results are not kept, and for how long and how many it says so itself. */
function compactIn(url: string): 'given' | 'default' | undefined {
  const [, query] = withoutQuery(url)
  if (query.has('compactRetentionMs') || query.has('compactKeys')) return 'given'
  return query.getAll('compact').at(-1) === 'true' ? 'default' : undefined
}

/** The store would drop the value: duplicates would lack it, and what is done cannot be resolved again. */
function keepsNothing(): Error {
  return usage(
    'this store keeps of a completed operation only that it is done, for as long as `compact` says: leave the value and the retention out',
  )
}

export const DID_NOT_HAPPEN: Act = {
  verb: 'resolve',
  done: 'resolved (did not happen)',
  warnings(record) {
    requireUndecided(record)
    const again = 'The next caller runs the effect again. If it did happen after all, it then happens twice.'
    if (!isReleased(record)) return [again, 'The record is removed, so the key is bound to no payload any more.']
    const resumed = record.steps.length === 0 ? [] : ['Its finished steps are kept and not run again.']
    const held =
      record.attempt === 1 ? [] : ['Earlier attempts were abandoned too: its policy for that is asked again.']
    return [again, ...resumed, ...held]
  },
  async apply(store, record) {
    if (!isReleased(record)) return forget(store, record)
    const [outcome] = await store.release([leaseOf(record)])
    return outcome ?? 'lost'
  },
}

/**
 * Whether to release the record instead of removing it. A release keeps steps and fingerprint, and is conditional in
 * the store; but it reduces `attempt` by one only, so after several, `hold` would park the operation again. A done
 * record cannot be released.
 */
function isReleased(record: ObservedRecord): boolean {
  return record.state === 'running' && (record.attempt === 1 || record.steps.length > 0)
}

function requireUndecided(record: ObservedRecord): void {
  const state = stateOf(record)
  if (state === 'abandoned' || state === 'unknown') return
  const why =
    state === 'running'
      ? `its owner is at work and its lease runs for another ${duration(record.leaseUntil - record.readAt)}; wait, or use \`onlyonce keys release\``
      : state === 'done'
        ? 'it already has a result (`onlyonce keys get` shows it)'
        : 'it is not running and can be claimed'
  throw failure(`only an abandoned or unknown operation can be resolved, and this one is ${state}: ${why}`)
}

/** A lock that is done would be held until the end of its retention, and its callers told that their effect ran. */
function requireNoLock(scope: string | undefined): void {
  if (scope === undefined || !isLock({ scope })) return
  throw failure(
    'this is a lock, which remembers no result, so there is nothing to decide: its lease is over, and whoever asks for it next gets it',
  )
}

/** Returns a running record's retention: the time between the ends of its lease and its retention. */
function retentionOf({ state, retainUntil, leaseUntil }: ObservedRecord): number {
  return state === 'running' ? Math.max(1, Math.round(retainUntil - leaseUntil)) : DEFAULT_RETENTION_MS
}

function leaseOf({ id, owner, fence }: ObservedRecord): Lease {
  return { id, owner, fence }
}

/** Without a value the result is `undefined`, as of an effect that returns nothing. */
function resultFrom(json: string | undefined): StoredResult {
  let value: unknown
  try {
    value = json === undefined ? undefined : JSON.parse(json)
  } catch (error) {
    throw usage(`the value must be JSON (a text needs its quotes, '"text"'): ${(error as Error).message}`)
  }
  const result = storedValue(value)
  if (result.kind === 'value') return result
  throw usage(`the value cannot be stored: ${new TextDecoder().decode(result.body)}`)
}

const ANSWER = '{"status":201,"headers":[["content-type","application/json"]],"body":"…"}'
const ERROR = '{"error":{"code":5,"message":"…","details":[],"metadata":[]}}'

/** Refuses a value that the guard of this scope cannot read: a done operation cannot be resolved again. */
function requireReadable(scope: string | undefined, result: StoredResult): void {
  const guard = guardOf(scope)
  if (guard === undefined) return
  const read = readResult('', result)
  try {
    guard.read(read !== undefined && 'value' in read ? read.value : null)
  } catch {
    throw usage(
      `the scope is that of ${guard.name}, so the value must be ${guard.expected}; or leave it out: duplicates are then told that it happened and that its answer is not known`,
    )
  }
}

const GUARDS = {
  http: { name: 'the HTTP guard', expected: `the answer that duplicates get: ${ANSWER}`, read: fromStored },
  rpc: { name: 'the RPC guard', expected: `the error that duplicates get: ${ERROR}`, read: readStored },
}

/** Recognises guards by the form of their scopes. Those of one-time tokens are chosen by the application. */
function guardOf(scope: string | undefined): (typeof GUARDS)[keyof typeof GUARDS] | undefined {
  const parts = partsOf(scope)
  const [first = '', second = '', third = '', url = ''] = parts
  if (parts.length === 4) {
    if (third === 'rpc') return GUARDS.rpc
    return METHOD.test(third) && url[0] === '/' ? GUARDS.http : undefined
  }
  if (parts.length === 3) return DIGEST.test(second) && METHOD.test(third) ? GUARDS.http : undefined
  if (parts.length !== 2 || !DIGEST.test(first)) return undefined
  if (second === 'rpc') return GUARDS.rpc
  return METHOD.test(second) ? GUARDS.http : undefined
}

const METHOD = /^[A-Z][A-Z-]*$/
const DIGEST = /^[0-9a-f]{64}$/

function partsOf(scope = ''): readonly string[] {
  try {
    const parts: unknown = JSON.parse(scope)
    return Array.isArray(parts) && parts.every((part) => typeof part === 'string') ? parts : []
  } catch {
    return []
  }
}
