import type { ResolvedOptions } from '../core/options.ts'
import type { HttpRules } from './options.ts'
import { type Kind, PROBLEMS, type ProblemKind, titleFor } from './problem.ts'

/**
 * What a resource tells its clients about its keys.
 * @see draft-ietf-httpapi-idempotency-key-header-07 §2.5.2, which requires it to be published
 */
export interface IdempotencyPolicy {
  /** `undefined` when the option `key` replaces the header. */
  readonly header?: string
  readonly required: boolean | 'by-route'
  readonly methods: readonly string[]
  readonly key: { readonly syntax: 'lenient' | 'strict'; readonly maxLength: number; readonly pattern?: string }
  readonly uniqueWithin: readonly string[]
  readonly expiresAfterSeconds: number
  readonly fingerprint: 'canonical' | 'raw' | 'custom'
  readonly duplicates: 'replay' | 'reject'
  readonly whileInFlight: 'reject' | 'wait'
  readonly replayedHeader?: string
  readonly notKept: readonly (number | string)[] | 'custom'
  readonly problems: readonly { readonly status: number; readonly code: string; readonly title: string }[]
  readonly docs?: string
  /** The same as an OpenAPI 3 fragment: parameters, responses and the extension `x-idempotency`. */
  openapi(): OpenApiFragment
}

/**
 * What to add to an operation of an OpenAPI 3 document: the parameter of the key, the problems as responses, and the
 * policy as `x-idempotency`.
 */
export interface OpenApiFragment {
  readonly parameters: readonly object[]
  readonly responses: Readonly<Record<string, object>>
  readonly 'x-idempotency': object
}

const TOLD: readonly ProblemKind[] = [
  'KEY_MISSING',
  'KEY_INVALID',
  'TOKEN_INVALID',
  'IN_FLIGHT',
  'OUTCOME_UNKNOWN',
  'RESULT_UNSERIALIZABLE',
  'DUPLICATE',
  'REPLAY_REFUSED',
  'KEY_REUSED',
  'PAYLOAD_TOO_LARGE',
  'TOO_MANY_KEYS',
  'STORE_UNAVAILABLE',
  'CLOSED',
]

/** Returns the problems that clients may get under these options. */
function toldOf<R>({ tokens, canReplay, newKeysPerMinute }: HttpRules<R>, rejects: boolean): readonly ProblemKind[] {
  const when: Partial<Record<ProblemKind, boolean>> = {
    KEY_INVALID: tokens === undefined,
    TOKEN_INVALID: tokens !== undefined,
    RESULT_UNSERIALIZABLE: !rejects,
    DUPLICATE: rejects,
    REPLAY_REFUSED: canReplay !== undefined && !rejects,
    TOO_MANY_KEYS: newKeysPerMinute !== undefined,
  }
  return TOLD.filter((kind) => when[kind] ?? true)
}

/** `more`: problems from outside the guard, such as the proxy's. */
export function describePolicy<R>(
  rules: HttpRules<R>,
  engine: ResolvedOptions,
  more: readonly Kind[] = [],
): IdempotencyPolicy {
  const { onDuplicate, onInFlight, retentionMs } = { ...engine, ...rules.call }
  const guards = toldOf(rules, onDuplicate === 'reject').map((kind) => PROBLEMS[kind])
  const policy = {
    ...(rules.key === undefined ? { header: rules.header } : {}),
    required: typeof rules.required === 'function' ? ('by-route' as const) : rules.required,
    methods: [...rules.guarded],
    key: {
      syntax: rules.keySyntax,
      maxLength: engine.maxKeyLength,
      ...patternOf(rules.keyPattern),
    },
    uniqueWithin: [rules.scope === 'public' ? 'all clients' : 'the client', 'method', 'path and query'],
    expiresAfterSeconds: Math.floor(retentionMs / 1000),
    fingerprint: typeof rules.fingerprint === 'function' ? ('custom' as const) : rules.fingerprint,
    duplicates: onDuplicate,
    whileInFlight: onInFlight,
    ...(rules.replayedHeader === false ? {} : { replayedHeader: rules.replayedHeader }),
    notKept: rules.outcome === undefined ? [401, 403, 408, 409, 425, 429, '5xx'] : ('custom' as const),
    problems: [...guards, ...more].map(({ status, code, title }) => ({
      status,
      code,
      title: titleFor(title, rules.header),
    })),
    ...(rules.docs === undefined ? {} : { docs: rules.docs }),
  }
  return { ...policy, openapi: () => openApiOf(policy) }
}

/** JSON Schema has no flags: with those that change what matches, the source says something else. */
function patternOf(pattern: RegExp | undefined): { readonly pattern?: string } {
  return pattern === undefined || /[ims]/.test(pattern.flags) ? {} : { pattern: pattern.source }
}

function openApiOf(policy: Omit<IdempotencyPolicy, 'openapi'>): OpenApiFragment {
  const { header, required, key, problems } = policy
  const schema = {
    type: 'string',
    minLength: 1,
    maxLength: key.maxLength,
    ...(key.pattern ? { pattern: key.pattern } : {}),
  }
  const description =
    'The same for every attempt at one request, new for every new request; a random UUID is a good one.'
  const responses: Record<string, object> = {}
  for (const { status, title } of problems) {
    const before = responses[status] as { description: string } | undefined
    responses[status] = {
      description: before === undefined ? title : `${before.description}; or: ${title}`,
      content: { 'application/problem+json': { schema: { type: 'object' } } },
    }
  }
  return {
    parameters:
      header === undefined ? [] : [{ name: header, in: 'header', required: required === true, description, schema }],
    responses,
    'x-idempotency': policy,
  }
}
