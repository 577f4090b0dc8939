import { OnlyonceError } from '../core/errors.ts'
import {
  aFunction,
  checkEach,
  functionOr,
  invalidKind,
  invalidOption,
  type Rule,
  refuseUnknown,
} from '../core/option-rules.ts'
import type { HttpReply } from './call.ts'
import { PROBLEMS, problemOf } from './problem.ts'

/** The part of what `tokens(once)` returns that is used here. */
export interface TokenIssuer {
  /**
   * Issues one token, by default for 900 000 ms.
   * @throws OnlyonceError IN_FLIGHT while another one is open
   */
  issue(wanted: {
    readonly subject: string
    readonly operation: string
    readonly ttlMs?: number
  }): Promise<{ readonly token: string; readonly expiresAt: Date }>
}

/** Options of `tokenEndpoint`; `subject` and `operation` are required. */
export interface TokenEndpointOptions<Request> {
  /** Who asks for the token: the same value as `scope` of the guard that accepts it. */
  readonly subject: (request: Request) => string | Promise<string>
  /** What the token is for: the guard's `operation`; by default method and path, such as `POST /orders`. */
  readonly operation: string | ((request: Request) => string | Promise<string>)
  /** Default 900 000. For how long the token can be redeemed for the first time. */
  readonly ttlMs?: number
  /** Default: none. URL of the page that documents tokens; included in every problem document. */
  readonly docs?: string
}

const OPEN = {
  status: 409,
  code: 'operation-in-progress',
  title: 'Operation in progress',
  detail: 'A token for this operation is open already. Use that one, or wait until it expires.',
  later: true,
} as const

const aText: Rule = (value) => (typeof value === 'string' && value.trim() !== '' ? undefined : 'must be a string')

/** @throws OnlyonceError OPTION_INVALID; `issue` checks `ttlMs`, and what the functions answer */
export function checkTokenEndpoint(issuer: unknown, options: unknown): void {
  if (typeof Object(issuer).issue !== 'function')
    throw invalidKind('issuer', 'must be what `tokens(once)` answers', issuer)
  refuseUnknown(options, ['subject', 'operation', 'ttlMs', 'docs'])
  const { subject, operation, docs } = Object(options) as Partial<TokenEndpointOptions<unknown>>
  for (const [name, value] of Object.entries({ subject, operation })) {
    if (value === undefined) throw invalidOption(name, 'is required', value)
  }
  checkEach(aFunction, { subject })
  checkEach(functionOr(aText), { operation })
  checkEach(aText, { docs })
}

/**
 * Returns a fresh token as `{ token, expiresAt }`, or a problem: 409 while another is open, 503 when the store is down.
 * @throws OnlyonceError OPTION_INVALID when there is no subject; what `subject` and `operation` throw
 */
export async function issueReply<Request>(
  issuer: TokenIssuer,
  request: Request,
  { subject, operation, ttlMs, docs }: TokenEndpointOptions<Request>,
): Promise<HttpReply> {
  const wanted = {
    subject: await subject(request),
    operation: typeof operation === 'string' ? operation : await operation(request),
    ...(ttlMs === undefined ? {} : { ttlMs }),
  }
  try {
    const issued = await issuer.issue(wanted)
    const body = new TextEncoder().encode(JSON.stringify(issued))
    const headers = [
      ['content-type', 'application/json'],
      ['cache-control', 'no-store'],
    ] as const
    return { status: 201, headers, body }
  } catch (error) {
    if (!OnlyonceError.is(error) || error.code === 'OPTION_INVALID') throw error
    return problemOf(error.code === 'IN_FLIGHT' ? OPEN : PROBLEMS[error.code], { docs }, error.retryAfterMs)
  }
}
