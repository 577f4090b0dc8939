import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { encodeResult } from '../core/codec.ts'
import { OnlyonceError } from '../core/errors.ts'
import type { KeyInput } from '../core/key.ts'
import type { Effect, Once, Operation } from '../core/once.ts'
import { checkEngine, invalidOption } from '../core/option-rules.ts'
import type { CallOptions } from '../core/options.ts'
import type { ObservedRecord } from '../core/record.ts'
import { checkBinding, checkRoom, checkTokensOptions, checkTtl, checkWanted, SECRET_BYTES } from './token/checks.ts'
import { decidedByHand, invalid, overtaken, stillOpen } from './token/errors.ts'
import { type Before, heldMs, mayHaveHappened, PUTTING_MS, revoke, wasNeverPut } from './token/revoke.ts'
import { createTokenStore } from './token/store-calls.ts'
import { parseToken, printToken } from './token/text.ts'

/** What a token is bound to. All parts are compared: a token for another subject or operation is invalid. */
export interface TokenBinding {
  /** Who may redeem it: the authenticated user or session. */
  readonly subject: string
  /** What it is redeemed for, such as `order_create`. */
  readonly operation: string
}

/** Whom a token is for, for what, and for how long. */
export interface IssueOptions extends TokenBinding {
  /** Default 900 000. Until when, from its issue, it may be redeemed for the first time. */
  readonly ttlMs?: number
}

/**
 * A token to hand out, and until when it may be redeemed for the first time, by the clock of the engine's `runtime`.
 */
export interface IssuedToken {
  readonly token: string
  readonly expiresAt: Date
}

/** Options of `tokens`; `onOpen: 'reuse'` without a `secret` is OPTION_INVALID. */
export interface TokensOptions {
  /**
   * Default `'reject'`: while a token is open for subject and operation, no other is issued (`IN_FLIGHT`). `'reuse'`:
   * the open one is returned again, which needs a `secret`. `'replace'`: the open one becomes invalid, unless part of
   * its effect may have happened (`IN_FLIGHT`).
   */
  readonly onOpen?: 'reject' | 'reuse' | 'replace'
  /**
   * Default: none. At least 32 bytes, the same in every process. Tokens are then signed, and a forged one never reaches
   * the store.
   */
  readonly secret?: string | Uint8Array
}

/** What another guard needs to use a token as the key of its operation. */
export interface RedeemableTokens {
  /** Returns the operation that a token names. @throws OnlyonceError TOKEN_INVALID, STORE_UNAVAILABLE */
  accept(token: string, bound: TokenBinding): Promise<{ key: string; scope: string; fingerprint: string }>
  /** Runs the effect of an accepted token. */
  spend<T>(op: Operation, bound: TokenBinding, effect: Effect<T>): Promise<T>
  /**
   * Lets the next token be issued. Call it after the engine has stored the result of `op`: if the process dies before
   * that, the token must stay open.
   */
  close(op: Operation): Promise<void>
}

/** Issues one-time tokens and runs an effect once for each. The HTTP adapters take it as their option `tokens`. */
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

/** The part of an engine that is used, whatever its store. */
export interface TokensEngine extends Pick<Once, 'store' | 'options'> {
  <T>(key: KeyInput, effect: Effect<T>, options?: CallOptions): Promise<T>
}

const DEFAULT_TTL_MS = 900_000
/** The step that marks an issued token; its result is the fence of the slot. Leaves the name `issued` to effects. */
const ISSUED = '!issued'

/**
 * One-time tokens against repeated submission, on any store that keeps steps. Only a digest of a token is stored.
 * A token proves that a form is fresh, not where it comes from: it is no protection against CSRF.
 * @throws OnlyonceError OPTION_INVALID
 */
export function tokens(once: TokensEngine, options: TokensOptions = {}): Tokens {
  checkEngine(once)
  checkTokensOptions(options)
  const { onOpen = 'reject', secret } = Object(options) as TokensOptions
  const { scope, runtime, retentionMs, maxKeyLength } = once.options
  const calls = createTokenStore(once.store, once.options)
  const tokenScope = `${scope}/token`
  checkRoom(tokenScope, maxKeyLength)
  /** The slots of tokens that are being redeemed. */
  const spending = new WeakMap<Operation, { readonly slot: number; readonly bound: TokenBinding }>()
  /** One slot per subject and operation: its owner is the id of the open token. */
  const slotOf = ({ subject, operation }: TokenBinding) =>
    calls.name(`${scope}/anti_repeat`, JSON.stringify([subject, operation]))

  const proofOf = (id: string, bound: TokenBinding): Buffer | undefined =>
    secret === undefined ? undefined : createHmac('sha256', secret).update(boundText(id, bound)).digest()

  /** Takes the slot for the token `id`. Returns its fence, or the slot's record while another token holds it. */
  async function open(id: string, bound: TokenBinding, ttlMs: number): Promise<number | ObservedRecord> {
    for (;;) {
      const claim = await calls.claim(slotOf(bound), { fingerprint: '', owner: id, leaseMs: ttlMs, retentionMs: ttlMs })
      if (claim?.kind === 'granted') return claim.lease.fence
      const record = await calls.find(slotOf(bound))
      if (record?.state === 'running') return record
      // We never complete a slot, so an operator has.
      if (record?.state === 'done') throw decidedByHand(bound)
      // It was released between claim and find: try again.
    }
  }

  async function issue(wanted: IssueOptions): Promise<IssuedToken> {
    checkWanted(wanted)
    const { subject, operation, ttlMs = DEFAULT_TTL_MS } = wanted
    checkTtl(ttlMs)
    const bound = { subject, operation }
    const id = runtime.token()
    // From before the slot is claimed: its time is over no earlier, however slow the store is.
    const expiresAt = new Date(runtime.now() + ttlMs)
    const slot = await open(id, bound, ttlMs)
    if (typeof slot !== 'number') return alreadyOpen(slot, { subject, operation, ttlMs })
    const proof = proofOf(id, bound) ?? randomBytes(SECRET_BYTES)
    try {
      await put(id, proof, bound, slot, ttlMs)
    } catch (error) {
      // With `reuse`, another caller may already have got this token.
      if (onOpen !== 'reuse') await giveUp(id, slot, bound)
      throw error
    }
    return { token: printToken(id, proof), expiresAt }
  }

  /**
   * Writes the record that redeeming the token will claim: idle, with the step that marks it as issued. The token must
   * not be returned before that, nor if it was replaced meanwhile, or its slot has expired.
   */
  async function put(id: string, proof: Buffer, bound: TokenBinding, slot: number, ttlMs: number): Promise<void> {
    const times = { leaseMs: PUTTING_MS, retentionMs: ttlMs - PUTTING_MS }
    const request = { fingerprint: fingerprintOf(id, proof, bound), owner: runtime.token(), ...times }
    const claim = await calls.claim(calls.name(tokenScope, id), request)
    if (claim?.kind !== 'granted') throw overtaken(bound)
    const left = await calls.leave(claim.lease, [{ name: ISSUED, result: encodeResult(slot) }], times)
    if (left !== 'ok') throw overtaken(bound)
    const now = await calls.find(slotOf(bound))
    const stands = now?.state === 'running' && now.owner === id && now.fence === slot && now.leaseUntil > now.readAt
    if (stands) return
    await end(id, request.fingerprint, isReplaceable)
    throw overtaken(bound)
  }

  async function alreadyOpen(slot: ObservedRecord, wanted: Required<IssueOptions>): Promise<IssuedToken> {
    const { owner: id, fence } = slot
    const record = await calls.find(calls.name(tokenScope, id))
    const ended = await endIfOver(slot, record)
    // The record has changed since it was read: look again.
    if (ended === 'changed') return alreadyOpen(slot, wanted)
    if (ended === 'dead') {
      await calls.release({ id: slot.id, owner: id, fence })
      return issue(wanted)
    }
    const leftMs = Math.max(1, slot.leaseUntil - slot.readAt)
    const proof = proofOf(id, wanted)
    if (onOpen === 'reuse' && proof !== undefined) {
      // Its issuer is about to write the record, or has died before.
      if (record === undefined) await put(id, proof, wanted, fence, wanted.ttlMs)
      return { token: printToken(id, proof), expiresAt: new Date(runtime.now() + leftMs) }
    }
    if (record === undefined) throw stillOpen(wanted, Math.max(1, PUTTING_MS - heldMs(slot)))
    const isBeingPut = record.state === 'running' && record.steps.length === 0
    throw stillOpen(wanted, isBeingPut ? Math.max(1, record.leaseUntil - record.readAt) : leftMs)
  }

  /** Ends a token that was redeemed, that nobody ever got, or that is to be replaced. */
  async function endIfOver(slot: ObservedRecord, record: ObservedRecord | undefined) {
    const { owner: id } = slot
    const isFree = onOpen === 'replace' ? isReplaceable : wasNeverPut
    // Its redeemer died before it could release the slot. `unknown` waits for an operator's decision.
    if (record?.state === 'done') return record.result?.kind === 'unknown' ? 'kept' : 'dead'
    if (record !== undefined) return isFree(record) ? end(id, record.fingerprint, isFree) : 'kept'
    return onOpen === 'replace' || heldMs(slot) >= PUTTING_MS ? end(id, '', isFree) : 'kept'
  }

  function end(id: string, fingerprint: string, isFree: (before: Before) => boolean) {
    const request = { fingerprint, owner: runtime.token(), retentionMs }
    return revoke(calls, calls.name(tokenScope, id), request, isFree)
  }

  /** Releases the slot if it is still this token's, so a late call does no harm. */
  async function giveUp(id: string, fence: number, bound: TokenBinding): Promise<void> {
    // If this fails, the next caller of `issue` releases it, or it expires.
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
    // Find before the claim, so that guessed tokens leave no records.
    const [record, slot] = await calls.findBoth(calls.name(tokenScope, id), slotOf(bound))
    if (record === undefined || !same(Buffer.from(record.fingerprint), Buffer.from(fingerprint))) throw invalid()
    // The record of a token that a slow store was told of late outlives the slot, for which another may be issued then.
    if (isUntouched(record) && isOver(slot, id)) throw invalid()
    return { key: id, scope: tokenScope, fingerprint }
  }

  async function spend<T>(op: Operation, bound: TokenBinding, effect: Effect<T>): Promise<T> {
    const slot = await op.step<number>(ISSUED, () => {
      // The record expired after `accept` has read it, and this claim has made a new one.
      throw invalid()
    })
    spending.set(op, { slot, bound })
    return effect(op)
  }

  async function close(op: Operation): Promise<void> {
    const spent = spending.get(op)
    if (spent !== undefined) await giveUp(op.key, spent.slot, spent.bound)
  }

  async function redeem<T>(token: string, bound: TokenBinding, effect: Effect<T>, given?: CallOptions): Promise<T> {
    if (typeof effect !== 'function') throw invalidOption('effect', 'must be a function', effect)
    const named = await accept(token, bound)
    let spent: Operation | undefined
    const spendOn = (op: Operation) => {
      spent = op
      return spend(op, bound, effect)
    }
    try {
      const value = await once(named, spendOn, given)
      if (spent !== undefined) await close(spent)
      return value
    } catch (error) {
      // The fingerprint matched in `accept`, so the record was replaced since.
      if (OnlyonceError.is(error) && error.code === 'KEY_REUSED') throw invalid()
      throw error
    }
  }

  return { issue, redeem, accept, spend, close }
}

function fingerprintOf(id: string, proof: Uint8Array, bound: TokenBinding): string {
  return createHash('sha256').update(boundText(id, bound)).update(proof).digest('base64url')
}

function boundText(id: string, { subject, operation }: TokenBinding): string {
  return JSON.stringify(['onlyonce token 1', id, subject, operation])
}

/** Whether nobody has begun to redeem it, or to revoke it. */
const isUntouched = ({ state, starts }: ObservedRecord) => state === 'idle' && starts === 1

/** Whether the slot's time for this token is over. One that an operator has resolved is held by nobody else. */
function isOver(slot: ObservedRecord | undefined, id: string): boolean {
  if (slot?.state === 'done') return false
  return slot?.state !== 'running' || slot.owner !== id || slot.leaseUntil <= slot.readAt
}

const isReplaceable = (before: Before) => !mayHaveHappened(before)

function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other)
}
