import { OnlyonceError } from '../core/errors.ts'
import type { HttpReply } from './call.ts'
import { PROBLEMS, problemOf } from './problem.ts'

/** What `tokens(once)` answers, as far as it is used here. */
export interface TokenIssuer {
  issue(wanted: {
    readonly subject: string
    readonly operation: string
    readonly ttlMs?: number
  }): Promise<{ readonly token: string; readonly expiresAt: Date }>
}

export interface TokenEndpointOptions<Request> {
  /** Who asks: the same as the `scope` of the guard that takes the token. */
  readonly subject: (request: Request) => string | Promise<string>
  /** What it is for: method and path of the route that takes it, such as `POST /orders`, unless the guard says otherwise. */
  readonly operation: string | ((request: Request) => string | Promise<string>)
  /** Default 900 000. How long the token may be redeemed for the first time. */
  readonly ttlMs?: number
  /** The page that explains tokens: it stands in every problem. */
  readonly docs?: string
}

const OPEN = {
  status: 409,
  code: 'operation-in-progress',
  title: 'Operation in progress',
  detail: 'A token for this operation is open already. Use that one, or wait until it expires.',
  later: true,
} as const

/**
 * A fresh token as `{ token, expiresAt }`, or the problem: 409 while another one is open, 503 when the store is away.
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
