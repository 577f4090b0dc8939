import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { encodeResult } from '../core/codec.ts'
import { OnlyonceError } from '../core/errors.ts'
import { type KeyInput, quote } from '../core/key.ts'
import type { Effect, Once, Operation } from '../core/once.ts'
import type { CallOptions } from '../core/options.ts'
import type { ObservedRecord } from '../core/record.ts'
import { checkBinding, checkTokensOptions, checkTtl, SECRET_BYTES } from './token/checks.ts'
import { createTokenStore } from './token/store-calls.ts'
import { parseToken, printToken } from './token/text.ts'

/** What a token is for. Every part is compared: a token of another subject or for another operation is no token. */
export interface TokenBinding {
  /** Who may redeem it: the user or session that was authenticated. */
  readonly subject: string
  /** What it is redeemed for, such as `order_create`. */
  readonly operation: string
}

export interface IssueOptions extends TokenBinding {
  /** Default 900 000. How long it may be redeemed for the first time. */
  readonly ttlMs?: number
}

export interface IssuedToken {
  readonly token: string
  readonly expiresAt: Date
}

export interface TokensOptions {
  /**
   * Default `'reject'`: while one is open for subject and operation, no other is issued (`IN_FLIGHT`). `'reuse'`: the
   * open one is answered again, which needs a `secret`. `'replace'`: the open one stops being valid.
   */
  readonly onOpen?: 'reject' | 'reuse' | 'replace'
  /** At least 32 bytes, the same in every process. Tokens are then signed, and a forged one never reaches the store. */
  readonly secret?: string | Uint8Array
}

/** What a guard of another kind needs, to treat a token as the key of its operation. */
export interface RedeemableTokens {
  /** The operation that a token names. @throws OnlyonceError TOKEN_INVALID, STORE_UNAVAILABLE */
  accept(token: string, bound: TokenBinding): Promise<{ key: string; scope: string; fingerprint: string }>
  /** Runs the effect of an accepted token, and closes the token when it is done. */
  spend<T>(op: Operation, bound: TokenBinding, effect: Effect<T>): Promise<T>
}

export interface Tokens extends RedeemableTokens {
  /**
   * Makes a one-time token.
   * @throws OnlyonceError IN_FLIGHT while another one is open (see `onOpen`), STORE_UNAVAILABLE, OPTION_INVALID
   */
  issue(options: IssueOptions): Promise<IssuedToken>
  /**
   * Runs `effect` once for this token. A duplicate gets the stored result; an effect that failed may be tried again with
   * the same token. @throws OnlyonceError TOKEN_INVALID, and what `once` throws
   */
  redeem<T>(token: string, bound: TokenBinding, effect: Effect<T>, options?: CallOptions): Promise<T>
}

/** The part of `onlyonce(…)` that is used, whatever its store. */
export interface TokensEngine extends Pick<Once, 'attempt' | 'store' | 'options'> {
  <T>(key: KeyInput, effect: Effect<T>, options?: CallOptions): Promise<T>
}

const DEFAULT_TTL_MS = 900_000
/** Nobody else knows a fresh token, so its short claim has no rival. */
const PUTTING_MS = 500
/** The step that shows that a token was issued; its result is the fence of its slot. An effect may have a step `issued` of its own. */
const ISSUED = '!issued'

/**
 * One-time tokens against repeated submission, on any store that keeps steps. Only a digest of a token is stored.
 * A token proves that a form is fresh, not where it comes from: it is no protection against CSRF.
 * @throws OnlyonceError OPTION_INVALID
 */
export function tokens(once: TokensEngine, options: TokensOptions = {}): Tokens {
  checkTokensOptions(options)
  const { onOpen = 'reject', secret } = options
  const { scope, runtime } = once.options
  const calls = createTokenStore(once.store, once.options)
  const tokenScope = `${scope}/token`
  /** One for each subject and operation: held by the open token, under the token's own name. */
  const slotOf = ({ subject, operation }: TokenBinding) =>
    calls.name(`${scope}/anti_repeat`, JSON.stringify([subject, operation]))

  const proofOf = (id: string, bound: TokenBinding): Buffer | undefined =>
    secret === undefined ? undefined : createHmac('sha256', secret).update(boundText(id, bound)).digest()

  /** Takes the slot for the token `id`; answers the slot's fence, or the record of the token that has it. */
  async function open(id: string, bound: TokenBinding, ttlMs: number): Promise<number | ObservedRecord> {
    for (;;) {
      const lease = await calls.claim(slotOf(bound), { fingerprint: '', owner: id, leaseMs: ttlMs, retentionMs: ttlMs })
      if (lease !== undefined) return lease.fence
      const record = await calls.find(slotOf(bound))
      if (record?.state === 'running') return record
      // Nothing of ours completes a slot.
      if (record?.state === 'done') throw decidedByHand(bound)
      // It was closed between the two questions.
    }
  }

  async function issue({ subject, operation, ttlMs = DEFAULT_TTL_MS }: IssueOptions): Promise<IssuedToken> {
    const bound = { subject, operation }
    checkBinding(bound)
    checkTtl(ttlMs)
    const id = runtime.token()
    const slot = await open(id, bound, ttlMs)
    if (typeof slot !== 'number') return alreadyOpen(slot, { subject, operation, ttlMs })
    const proof = proofOf(id, bound) ?? randomBytes(SECRET_BYTES)
    try {
      await put(id, proof, bound, slot, ttlMs)
    } catch (error) {
      // Where open tokens are answered again, somebody may have been given this one already.
      if (onOpen !== 'reuse') await close(id, slot, bound)
      throw error
    }
    return { token: printToken(id, proof), expiresAt: new Date(runtime.now() + ttlMs) }
  }

  /**
   * Leaves a record for whoever redeems the token: idle, and with the step that shows that it was issued. Nobody may be
   * told the token before that, nor when it was overtaken: replaced, or too late for its slot.
   */
  async function put(id: string, proof: Buffer, bound: TokenBinding, slot: number, ttlMs: number): Promise<void> {
    const times = { leaseMs: PUTTING_MS, retentionMs: ttlMs - PUTTING_MS }
    const request = { fingerprint: fingerprintOf(id, proof, bound), owner: runtime.token(), ...times }
    const lease = await calls.claim(calls.name(tokenScope, id), request)
    if (lease === undefined) throw overtaken(bound)
    await calls.leave(lease, [{ name: ISSUED, result: encodeResult(slot) }], times)
    const now = await calls.find(slotOf(bound))
    const stands = now?.state === 'running' && now.owner === id && now.fence === slot && now.leaseUntil > now.readAt
    if (stands) return
    await revoke(id, request)
    throw overtaken(bound)
  }

  async function alreadyOpen(slot: ObservedRecord, wanted: Required<IssueOptions>): Promise<IssuedToken> {
    const { owner: id, fence } = slot
    const leftMs = Math.max(1, slot.leaseUntil - slot.readAt)
    const record = await calls.find(calls.name(tokenScope, id))
    // Whoever redeemed it has died before it could close the slot; or it is to be replaced, and nobody redeems it.
    if (record?.state === 'done' || (onOpen === 'replace' && (await revoke(id, record)))) {
      await close(id, fence, wanted)
      return issue(wanted)
    }
    const proof = proofOf(id, wanted)
    if (onOpen === 'reuse' && proof !== undefined) {
      // Whoever issued it has died before it could put it down.
      if (record === undefined || isHalfPut(record)) await put(id, proof, wanted, fence, wanted.ttlMs)
      return { token: printToken(id, proof), expiresAt: new Date(runtime.now() + leftMs) }
    }
    throw new OnlyonceError(
      'IN_FLIGHT',
      `operation in progress: ${quote(wanted.operation)} of ${quote(wanted.subject)} has an open token; redeem that one, or wait until it expires`,
      { retryAfterMs: leftMs },
    )
  }

  /**
   * Answers whether the token is dead now: not while somebody redeems it. One that is not put yet gets a record in its
   * place: whoever is about to put it is not dead for sure, and must find that it is too late.
   */
  async function revoke(id: string, record: Pick<ObservedRecord, 'fingerprint'> | undefined): Promise<boolean> {
    const fingerprint = record?.fingerprint ?? ''
    const named = { key: id, scope: tokenScope, ...(fingerprint === '' ? {} : { fingerprint }) }
    const replaced = () => {
      throw new OnlyonceError('TOKEN_INVALID', 'this token was replaced by a newer one')
    }
    const outcome = await once.attempt(named, replaced, {
      onThrow: 'remember',
      onInFlight: 'reject',
      onStoreDown: 'fail',
    })
    // It was put since it was looked for.
    if (outcome.kind === 'mismatch' && record === undefined)
      return revoke(id, await calls.find(calls.name(tokenScope, id)))
    return outcome.kind === 'failed' || outcome.kind === 'replayed'
  }

  /** Lets the next token be issued. Conditional on the slot still being this token's, so it may come late. */
  async function close(id: string, fence: number, bound: TokenBinding): Promise<void> {
    // When it cannot be closed now, it is when its time is over.
    await calls.release({ id: slotOf(bound).id, owner: id, fence }).catch(() => {})
  }

  async function accept(token: string, bound: TokenBinding) {
    checkBinding(bound)
    const parsed = parseToken(token)
    if (parsed === undefined) throw invalid()
    const { id, proof } = parsed
    const signed = proofOf(id, bound)
    if (signed !== undefined && !same(signed, proof)) throw invalid()
    const fingerprint = fingerprintOf(id, proof, bound)
    // Looked at first: whoever guesses must not leave records behind.
    const record = await calls.find(calls.name(tokenScope, id))
    if (record === undefined || !same(Buffer.from(record.fingerprint), Buffer.from(fingerprint))) throw invalid()
    return { key: id, scope: tokenScope, fingerprint }
  }

  async function spend<T>(op: Operation, bound: TokenBinding, effect: Effect<T>): Promise<T> {
    const slot = await op.step<number>(ISSUED, () => {
      // It expired since it was looked at: this claim has made a new record.
      throw invalid()
    })
    const value = await effect(op)
    await close(op.key, slot, bound)
    return value
  }

  async function redeem<T>(token: string, bound: TokenBinding, effect: Effect<T>, given?: CallOptions): Promise<T> {
    const named = await accept(token, bound)
    try {
      return await once(named, (op) => spend(op, bound, effect), given)
    } catch (error) {
      // The fingerprint was right a moment ago: it is another record by now.
      if (OnlyonceError.is(error) && error.code === 'KEY_REUSED') throw invalid()
      throw error
    }
  }

  return { issue, redeem, accept, spend }
}

function fingerprintOf(id: string, proof: Uint8Array, bound: TokenBinding): string {
  return createHash('sha256').update(boundText(id, bound)).update(proof).digest('base64url')
}

function boundText(id: string, { subject, operation }: TokenBinding): string {
  return JSON.stringify(['onlyonce token 1', id, subject, operation])
}

/** Its putting was begun, and is over without the step by which it can be redeemed. */
function isHalfPut({ state, steps, leaseUntil, readAt }: ObservedRecord): boolean {
  return state !== 'done' && steps.length === 0 && (state === 'idle' || leaseUntil <= readAt)
}

function decidedByHand({ subject, operation }: TokenBinding): OnlyonceError {
  return new OnlyonceError(
    'OUTCOME_UNKNOWN',
    `the slot for ${quote(operation)} of ${quote(subject)} was resolved by hand, so no token can be issued; forget it: onlyonce keys forget`,
  )
}

function overtaken({ subject, operation }: TokenBinding): OnlyonceError {
  return new OnlyonceError(
    'IN_FLIGHT',
    `operation in progress: ${quote(operation)} of ${quote(subject)} was asked for by somebody else at the same time, or it took too long; ask again`,
  )
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other)
}

/** One message for all of them: which part was wrong is nobody's business. */
function invalid(): OnlyonceError {
  return new OnlyonceError(
    'TOKEN_INVALID',
    'the token is unknown, expired, or was issued for another subject or operation; ask for a new one',
  )
}
