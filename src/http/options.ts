import type { Operation } from '../core/once.ts'
import { type AbandonedOperation, type CallOptions, invalidOption, unknownOption } from '../core/options.ts'
import type { HeaderField, HttpCall, HttpReply, Omitted } from './call.ts'
import type { BodyFingerprint } from './fingerprint.ts'
import { FIELD_NAME, NEVER_REPLAYED, REPLAYED_HEADERS } from './header-rules.ts'
import type { KeySyntax } from './key-header.ts'
import type { Decision } from './outcome.ts'
import { LONGEST_BODY } from './stored-reply.ts'

/** What the outside world knows about an abandoned request: the answer that its duplicates get, if it happened. */
export type ReconciledReply =
  | {
      readonly happened: true
      readonly status: number
      readonly headers?: readonly HeaderField[]
      readonly body?: string | Uint8Array
    }
  | { readonly happened: false }

export interface TokenBinding {
  readonly subject: string
  readonly operation: string
}

/** What `tokens(once)` answers, as far as it is used here. */
export interface TokenPort {
  accept(token: string, bound: TokenBinding): Promise<{ key: string; scope: string; fingerprint: string }>
  spend<T>(op: Operation, bound: TokenBinding, effect: () => Promise<T>): Promise<T>
  /** The next token may be issued when the answer is stored. Left out: whoever asks for one finds out. */
  close?(op: Operation): Promise<void>
}

type Answer<T> = T | Promise<T>

export interface IdempotencyOptions<Request = unknown> extends Omit<CallOptions, 'onThrow' | 'onAbandoned'> {
  /** Whose key it is: the principal or tenant that was authenticated. `'public'` says that all callers share one space. */
  readonly scope: 'public' | ((call: HttpCall<Request>) => Answer<string>)
  /** A key of the business (an order id, the id of a webhook's event) in place of the header. `undefined`: has none. */
  readonly key?: (call: HttpCall<Request>) => Answer<string | undefined>
  /**
   * One-time tokens of `tokens(once)` in place of keys, for forms that must not be submitted twice. The subject is the
   * `scope`, and a request without a token is refused. Not together with `key`, `keyPattern` or `atomic`.
   */
  readonly tokens?: TokenPort
  /** What tokens are redeemed for here. Default: method and path, such as `POST /orders`. */
  readonly operation?: (call: HttpCall<Request>) => string
  /** Default `Idempotency-Key`; with `tokens`, `Anti-Repeat-Token`. */
  readonly header?: string
  /** Default `'lenient'`: a bare word too. `'strict'`: only a structured-field string, as the draft says. */
  readonly keySyntax?: KeySyntax
  /** What keys must look like, so that nobody guesses one. Default: anything of 1 to `maxKeyLength` characters. */
  readonly keyPattern?: RegExp
  /** Default `false`: a request without a key passes unprotected. `true`, or for which: it is answered with 400. */
  readonly required?: boolean | ((call: HttpCall<Request>) => boolean)
  /** Default `['POST', 'PATCH']`. */
  readonly methods?: readonly string[]
  /** Default `'canonical'`. */
  readonly fingerprint?: BodyFingerprint | ((call: HttpCall<Request>) => Answer<string>)
  /** Default 1 048 576. The longest request body that is fingerprinted; a longer one is answered with 413. */
  readonly maxRequestBytes?: number
  /** Default 262 144, at most 700 000. The longest answer whose bytes are kept; of a longer one, status and headers are. */
  readonly maxBodyBytes?: number
  /** What is final, what frees the key, what is not known; `undefined` leaves it to the default: 5xx and passing refusals free it. */
  readonly outcome?: (reply: HttpReply, call: HttpCall<Request>) => Decision | undefined
  /** Default: those that describe the content, and `Location`. Takes the place of the default. */
  readonly replayHeaders?: readonly string[]
  /** Default `Idempotency-Replayed`, with the value `true`. `false` leaves it out. */
  readonly replayedHeader?: string | false
  /** Takes out of an answer what must not be stored. The first client gets what the handler sent. */
  readonly redact?: (reply: HttpReply) => HttpReply
  /** Asked before an answer is given again, for rights that may have been withdrawn. `false`: 403. */
  readonly canReplay?: (call: HttpCall<Request>) => Answer<boolean>
  /** The page that tells people how keys are used here: it stands in every problem. */
  readonly docs?: string
  /** Default: the engine's. What to do when an earlier process disappeared while it handled the request. */
  readonly onAbandoned?: 'retry' | 'hold' | ((op: AbandonedOperation) => Answer<ReconciledReply>)
  /** Default `false`. `true`: record and handler's writes are one transaction; `operationOf` and `txOf` have it. */
  readonly atomic?: boolean
  /** Default 1 000. With `onInFlight: 'wait'`, the most duplicates that wait at a time; others get 409. */
  readonly maxWaiting?: number
  /** Default: no limit. New keys that one scope may use in a minute, in this process; then 429. */
  readonly newKeysPerMinute?: number
  /** Told when an answer was not kept in full. Default: a process warning, once for each reason. */
  readonly onUnrecordable?: (why: Omitted, call: HttpCall<Request>) => void
}

const DEFAULTS = {
  header: 'Idempotency-Key',
  keySyntax: 'lenient',
  required: false,
  methods: ['POST', 'PATCH'],
  fingerprint: 'canonical',
  maxRequestBytes: 1_048_576,
  maxBodyBytes: 262_144,
  replayHeaders: REPLAYED_HEADERS,
  replayedHeader: 'Idempotency-Replayed',
  atomic: false,
  maxWaiting: 1_000,
} as const

const TOKEN_HEADER = 'Anti-Repeat-Token'

const CALL_OPTIONS = [
  'leaseMs',
  'maxRunMs',
  'retentionMs',
  'onDuplicate',
  'onInFlight',
  'waitMs',
  'onStoreDown',
] as const satisfies (keyof CallOptions)[]

export type CallPart = Pick<CallOptions, (typeof CALL_OPTIONS)[number]>

type Own<R> = Omit<IdempotencyOptions<R>, keyof CallOptions>

/** Every option of HTTP's own, checked and with its default. */
export type HttpRules<R> = Own<R> &
  Required<Pick<Own<R>, keyof typeof DEFAULTS>> & {
    readonly call: CallPart
    readonly onAbandoned: IdempotencyOptions<R>['onAbandoned']
    readonly guarded: ReadonlySet<string>
    /** Of an answer's headers, in lower case: what a replay has. */
    readonly kept: ReadonlySet<string>
    /** Those, and the ones that tell how an answer is sent. */
    readonly heard: ReadonlySet<string>
  }

type Rule = (value: unknown) => string | undefined

const fn: Rule = (value) => (typeof value === 'function' ? undefined : 'must be a function')
const word =
  (...words: readonly string[]): Rule =>
  (value) =>
    words.includes(value as string) ? undefined : `must be one of ${words.map((one) => `'${one}'`).join(', ')}`
const fnOr =
  (rule: Rule): Rule =>
  (value) =>
    typeof value === 'function' ? undefined : rule(value)?.replace('must be', 'must be a function or')
const whether: Rule = (value) => (typeof value === 'boolean' ? undefined : 'must be true or false')
const count: Rule = (value) =>
  Number.isSafeInteger(value) && Number(value) > 0 ? undefined : 'must be a positive integer'
const field: Rule = (value) =>
  typeof value === 'string' && FIELD_NAME.test(value) ? undefined : 'must be the name of a header field'
const fields: Rule = (value) => {
  if (!Array.isArray(value) || !value.every((name) => field(name) === undefined))
    return 'must be names of header fields'
  const never = value.find((name: string) => NEVER_REPLAYED.has(name.toLowerCase()))
  return never === undefined
    ? undefined
    : `must not contain \`${never}\`, which belongs to one client or one connection`
}
const tokens: Rule = (value) =>
  Array.isArray(value) && value.length > 0 && value.every((name) => field(name) === undefined)
    ? undefined
    : 'must be a list of HTTP methods'

const RULES: Record<keyof Own<unknown>, Rule> = {
  scope: (value) =>
    value === 'public' || typeof value === 'function'
      ? undefined
      : "is required: a function that answers who is asking, such as (call) => call.request.user.id, or 'public' where all callers may share their keys",
  key: fn,
  tokens: (value) =>
    typeof Object(value).accept === 'function' && typeof Object(value).spend === 'function'
      ? undefined
      : 'must be what tokens(once) answers',
  operation: fn,
  header: field,
  keySyntax: word('lenient', 'strict'),
  keyPattern: (value) =>
    value instanceof RegExp && !value.global && !value.sticky
      ? undefined
      : 'must be a RegExp without the flags g and y',
  required: fnOr(whether),
  methods: tokens,
  fingerprint: fnOr(word('canonical', 'raw')),
  maxRequestBytes: count,
  maxBodyBytes: (value) =>
    count(value) ?? (Number(value) > LONGEST_BODY ? `must not be more than ${LONGEST_BODY}` : undefined),
  outcome: fn,
  replayHeaders: fields,
  replayedHeader: (value) => (value === false ? undefined : field(value)),
  redact: fn,
  canReplay: fn,
  docs: (value) =>
    typeof value === 'string' && /^[\x21-\x7e]+$/.test(value) && !/[<>"]/.test(value) ? undefined : 'must be a URL',
  atomic: whether,
  maxWaiting: count,
  newKeysPerMinute: count,
  onUnrecordable: fn,
}

/** @throws OnlyonceError OPTION_INVALID naming option, rule and value; the engine checks what it is handed on */
export function resolveRules<R>(given: IdempotencyOptions<R>): HttpRules<R> {
  const call: Record<string, unknown> = {}
  const own: Record<string, unknown> = { ...DEFAULTS }
  const { onAbandoned, ...rest } = Object(given) as IdempotencyOptions<R>
  if (!('scope' in rest)) throw invalidOption('scope', RULES.scope(undefined) as string, undefined)
  for (const [name, value] of Object.entries(rest)) {
    if ((CALL_OPTIONS as readonly string[]).includes(name)) {
      if (value !== undefined) call[name] = value
      continue
    }
    const rule = Object.hasOwn(RULES, name) ? RULES[name as keyof typeof RULES] : undefined
    if (rule === undefined) throw unknownOption(name, [...Object.keys(RULES), 'onAbandoned', ...CALL_OPTIONS])
    if (value === undefined && name !== 'scope') continue
    const broken = rule(value)
    if (broken !== undefined) throw invalidOption(name, broken, value)
    own[name] = value
  }
  if (own.tokens !== undefined) {
    const clash = ['key', 'keyPattern', 'atomic'].find((name) => own[name] !== undefined && own[name] !== false)
    if (clash !== undefined) throw invalidOption(clash, 'cannot be used together with `tokens`', own[clash])
    own.header = rest.header ?? TOKEN_HEADER
    own.required = rest.required ?? true
  }
  const rules = own as unknown as HttpRules<R>
  const kept = rules.replayHeaders.map((name) => name.toLowerCase())
  return {
    ...rules,
    call,
    onAbandoned,
    guarded: new Set(rules.methods.map((name) => name.toUpperCase())),
    kept: new Set(kept),
    heard: new Set([...kept, 'content-type', 'content-length']),
  }
}
