import type { HttpReply } from '../call.ts'
import { type Kind, problemOf } from '../problem.ts'

/** Why there is no answer of the upstream, or not all of it. */
export type Failure =
  /** No connection: the request was not sent, so nothing happened. */
  | 'unreachable'
  /** It was sent, and the answer did not come in time. */
  | 'timeout'
  /** It was sent, and the connection ended before the answer did, or the answer was not valid HTTP. */
  | 'reset'

const UNKNOWN = {
  status: 504,
  code: 'outcome-unknown',
  title: 'It is not known how this request ended',
  detail:
    'The service behind this proxy was sent the request and did not answer: it may or may not have carried it out.',
} as const

/** Problems that only the proxy has. */
const KINDS = {
  unreachable: {
    status: 502,
    code: 'upstream-unreachable',
    title: 'The service behind this proxy cannot be reached',
    detail: 'The request was not sent on. Send the same request again later.',
    later: true,
  },
  timeout: UNKNOWN,
  reset: UNKNOWN,
  overloaded: {
    status: 503,
    code: 'overloaded',
    title: 'Too many requests at a time',
    detail: 'The request was not sent on. Send the same request again later.',
    later: true,
  },
  noScope: {
    status: 401,
    code: 'missing-scope',
    title: 'It is not said whose key this is',
    detail: 'Keys are kept apart by a header that this request does not have. The request was not sent on.',
  },
  twoScopes: {
    status: 400,
    code: 'ambiguous-scope',
    title: 'It is not clear whose key this is',
    detail: 'The header that keeps keys apart is there more than once. The request was not sent on.',
  },
  badTarget: {
    status: 400,
    code: 'bad-target',
    title: 'The target of the request is not a path',
    detail: 'The request was not sent on.',
  },
  badRequest: {
    status: 400,
    code: 'incomplete-request',
    title: 'The request did not arrive in full',
    detail: 'The request was not sent on.',
  },
  coded: {
    status: 501,
    code: 'transfer-coding',
    title: 'The body is sent in a form that the proxy does not read',
    detail: 'The request was not sent on. Send the body with its length, or chunked and nothing else.',
  },
  noUpgrade: {
    status: 501,
    code: 'upgrade-refused',
    title: 'A guarded request cannot change the protocol',
    detail: 'The request was not sent on. Send it without the header Upgrade.',
  },
  broken: {
    status: 500,
    code: 'proxy-failed',
    title: 'The proxy failed',
    detail: 'The request was not sent on. The proxy has told its operator why.',
  },
} as const satisfies Record<string, Kind> & Record<Failure, Kind>

export type ProxyProblem = keyof typeof KINDS

/** Returns the problems that clients may get besides those of the guard. */
export function proxyKinds(scoped: boolean): readonly Kind[] {
  const { unreachable, overloaded, noScope, twoScopes, badTarget, badRequest, coded, noUpgrade } = KINDS
  const whose = scoped ? [noScope, twoScopes] : []
  return [unreachable, UNKNOWN, overloaded, ...whose, badTarget, badRequest, coded, noUpgrade]
}

export function proxyProblem(kind: ProxyProblem, docs?: string): HttpReply {
  return problemOf(KINDS[kind], { docs })
}
