import type { Operation } from '../core/once.ts'
import {
  aBoolean,
  aFunction,
  functionOr,
  invalidOption,
  oneOf,
  positive,
  type Rule,
  unknownOption,
} from '../core/option-rules.ts'
import type { AbandonedOperation, CallOptions, SharedCallOptions } from '../core/options.ts'
import type { HeaderField, HttpCall, HttpReply, Omitted } from './call.ts'
import type { BodyFingerprint } from './fingerprint.ts'
import { FIELD_NAME, NEVER_REPLAYED, REPLAYED_HEADERS } from './header-rules.ts'
import type { KeySyntax } from './key-header.ts'
import type { Decision } from './outcome.ts'
import { LONGEST_BODY } from './stored-reply.ts'

/** Whether an abandoned request took effect and, if so, the answer that its duplicates get. */
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

/** The part of what `tokens(once)` returns that is used here. */
export interface TokenPort {
  accept(token: string, bound: TokenBinding): Promise<{ key: string; scope: string; fingerprint: string }>
  spend<T>(op: Operation, bound: TokenBinding, effect: () => Promise<T>): Promise<T>
  /** Called once the answer is stored: the next token may be issued. Without it, `issue` finds out by itself. */
  close?(op: Operation): Promise<void>
}

type Answer<T> = T | Promise<T>

/**
 * Options of the HTTP guard, the same for every framework. Checked when it is made: an unknown name, a wrong value or
 * an impossible combination is OPTION_INVALID. Those of a call, such as `leaseMs`, override the engine's.
 * @see draft-ietf-httpapi-idempotency-key-header-07, which the guard follows
 */
export interface IdempotencyOptions<Request = unknown> extends SharedCallOptions {
  /** Whose key it is: the authenticated principal or tenant. `'public'`: all callers share one key space. */
  readonly scope: 'public' | ((call: HttpCall<Request>) => Answer<string>)
  /**
   * A business key (an order id, a webhook's event id) in place of the header; default: the header's. `undefined`: the
   * request has no key.
   */
  readonly key?: (call: HttpCall<Request>) => Answer<string | undefined>
  /**
   * Default: none. One-time tokens of `tokens(once)` in place of keys, for forms that must not be submitted twice. The
   * subject is the `scope`; requests without a token are refused by default. Not together with `key`, `keyPattern` or
   * `atomic`.
   */
  readonly tokens?: TokenPort
  /** The operation that tokens are redeemed for. Default: method and path, such as `POST /orders`. */
  readonly operation?: (call: HttpCall<Request>) => Answer<string>
  /** Default `Idempotency-Key`; with `tokens`, `Anti-Repeat-Token`. */
  readonly header?: string
  /**
   * Default `'lenient'`: a structured-field string (RFC 9651) or a bare word. `'strict'`: only the string, as in the
   * draft.
   */
  readonly keySyntax?: KeySyntax
  /** Pattern for keys, such as one that cannot be guessed. Default: anything of 1 to `maxKeyLength` characters. */
  readonly keyPattern?: RegExp
  /** Default `false`, with `tokens` `true`. Whether a request without a key gets 400; otherwise it passes unguarded. */
  readonly required?: boolean | ((call: HttpCall<Request>) => Answer<boolean>)
  /** Default `['POST', 'PATCH']`. Requests with other methods pass unguarded. */
  readonly methods?: readonly string[]
  /**
   * Default `'canonical'`: JSON counts by what it says, in the form of RFC 8785, other bodies by their bytes. `'raw'`:
   * bytes count. A function returns what a key stays bound to.
   */
  readonly fingerprint?: BodyFingerprint | ((call: HttpCall<Request>) => Answer<string>)
  /** Default 1 048 576. The longest request body that is fingerprinted; a longer one is answered with 413. */
  readonly maxRequestBytes?: number
  /** Default 262 144, at most 700 000. The longest answer whose body is stored; of longer ones only the head is. */
  readonly maxBodyBytes?: number
  /**
   * Classifies an answer. Default, and where it answers `undefined` or throws: 401, 403, 408, 409, 425, 429 and 5xx
   * release the key. What it throws goes to the engine's `onListenerError`.
   */
  readonly outcome?: (reply: HttpReply, call: HttpCall<Request>) => Decision | undefined
  /**
   * Names of the handler's headers that a replay has. Default: those that describe the content, `Location`, `Link`,
   * `Retry-After` and `Vary`. What belongs to one client or connection, such as `Set-Cookie`, is refused.
   */
  readonly replayHeaders?: readonly string[]
  /** Default `Idempotency-Replayed`, with the value `true`. `false` leaves it out. */
  readonly replayedHeader?: string | false
  /**
   * Default: none. Removes from an answer what must not be stored. The first client gets it as the handler sent it.
   * Where it throws, only the status is stored.
   */
  readonly redact?: (reply: HttpReply) => HttpReply
  /** Default: none. Called before a replay, because rights may have been withdrawn since. `false`: 403. */
  readonly canReplay?: (call: HttpCall<Request>) => Answer<boolean>
  /** Default: none. URL of the page that documents keys for users; included in every problem document. */
  readonly docs?: string
  /** Default: the engine's. What to do when the lease of an earlier attempt ran out before it was settled. */
  readonly onAbandoned?: 'retry' | 'hold' | ((op: AbandonedOperation) => Answer<ReconciledReply>)
  /** Default `false`. `true`: the record and the handler's writes are one transaction, which `txOf` returns. */
  readonly atomic?: boolean
  /** Default 1 000. With `onInFlight: 'wait'`, how many duplicates may wait at a time; further ones get 409. */
  readonly maxWaiting?: number
  /** Default: no limit. New keys per minute that one value of `scope` may use in this process; further ones get 429. */
  readonly newKeysPerMinute?: number
  /** Called when an answer was not stored in full. Default: a process warning, once for each reason. */
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

/** The options of the HTTP edge, checked and with their defaults. */
export type HttpRules<R> = Own<R> &
  Required<Pick<Own<R>, keyof typeof DEFAULTS>> & {
    readonly call: CallPart
    readonly onAbandoned: IdempotencyOptions<R>['onAbandoned']
    readonly guarded: ReadonlySet<string>
    /** `header` in lower case. */
    readonly keyField: string
    /** Names of the headers that a replay carries, in lower case. */
    readonly kept: ReadonlySet<string>
    /** `kept`, and those that say how to read the body: `content-type` and `content-length`. */
    readonly heard: ReadonlySet<string>
  }

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
  key: aFunction,
  tokens: (value) =>
    typeof Object(value).accept === 'function' && typeof Object(value).spend === 'function'
      ? undefined
      : 'must be what tokens(once) answers',
  operation: aFunction,
  header: field,
  keySyntax: oneOf('lenient', 'strict'),
  keyPattern: (value) =>
    value instanceof RegExp && !value.global && !value.sticky
      ? undefined
      : 'must be a RegExp without the flags g and y',
  required: functionOr(aBoolean),
  methods: tokens,
  fingerprint: functionOr(oneOf('canonical', 'raw')),
  maxRequestBytes: positive,
  maxBodyBytes: (value) =>
    positive(value) ?? (Number(value) > LONGEST_BODY ? `must not be more than ${LONGEST_BODY}` : undefined),
  outcome: aFunction,
  replayHeaders: fields,
  replayedHeader: (value) => (value === false ? undefined : field(value)),
  redact: aFunction,
  canReplay: aFunction,
  docs: (value) =>
    typeof value === 'string' && /^[\x21-\x7e]+$/.test(value) && !/[<>"]/.test(value) ? undefined : 'must be a URL',
  atomic: aBoolean,
  maxWaiting: positive,
  newKeysPerMinute: positive,
  onUnrecordable: aFunction,
}

/** @throws OnlyonceError OPTION_INVALID naming option, rule and value; the engine checks its own options */
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
    keyField: rules.header.toLowerCase(),
    kept: new Set(kept),
    heard: new Set([...kept, 'content-type', 'content-length']),
  }
}
