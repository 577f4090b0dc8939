import type { ErrorCode } from '../core/errors.ts'
import type { HttpReply } from './call.ts'

export interface Kind {
  readonly status: number
  /** The `code` member, for programs. */
  readonly code: string
  readonly title: string
  readonly detail: string
  /** Whether the same request may succeed later: then `Retry-After` says when, in seconds. */
  readonly later?: true
}

/** Titles of the first three as in draft-ietf-httpapi-idempotency-key-header-07 §2.7. */
const KINDS = {
  KEY_MISSING: {
    status: 400,
    code: 'missing-key',
    title: 'Idempotency-Key is missing',
    detail: 'This operation is idempotent and it requires correct usage of Idempotency Key.',
  },
  KEY_REUSED: {
    status: 422,
    code: 'fingerprint-mismatch',
    title: 'Idempotency-Key is already used',
    detail: 'This key was used for another request. Send a new key with a new request, or the first request again.',
  },
  IN_FLIGHT: {
    status: 409,
    code: 'conflict',
    title: 'A request is outstanding for this Idempotency-Key',
    detail: 'A request with this key is being worked on. Send the same request again later.',
    later: true,
  },
  KEY_INVALID: {
    status: 400,
    code: 'invalid-key',
    title: 'Idempotency-Key is invalid',
    detail:
      'The key must be one printable ASCII value, not too long, and not what is left of a missing one, such as `undefined`: ' +
      'the documentation of this operation describes it.',
  },
  DUPLICATE: {
    status: 409,
    code: 'duplicate',
    title: 'This request was already submitted',
    detail: 'The operation was carried out once and is not carried out again.',
  },
  LEASE_LOST: {
    status: 409,
    code: 'conflict',
    title: 'A request is outstanding for this Idempotency-Key',
    detail: 'Another process took this request over. Send the same request again later to learn how it ended.',
    later: true,
  },
  OUTCOME_UNKNOWN: {
    status: 409,
    code: 'outcome-unknown',
    title: 'It is not known how this request ended',
    detail: 'The operation may or may not have been carried out. It is not carried out again until that is decided.',
  },
  STORE_UNAVAILABLE: {
    status: 503,
    code: 'store-unavailable',
    title: 'The request cannot be recorded at the moment',
    detail: 'The operation was not carried out. Send the same request again later.',
    later: true,
  },
  RESULT_UNSERIALIZABLE: {
    status: 409,
    code: 'unrecordable',
    title: 'The answer to this request cannot be given again',
    detail: 'The operation was carried out, but its answer is of a kind that is not kept.',
  },
  TOKEN_INVALID: {
    status: 403,
    code: 'invalid-token',
    title: 'The token is not valid here',
    detail: 'The token is unknown, expired, or was issued for somebody or something else.',
  },
  ILLEGAL_TRANSITION: {
    status: 409,
    code: 'illegal-transition',
    title: 'This step is not possible in the current state',
    detail: 'The state machine does not allow it.',
  },
  OPTION_INVALID: {
    status: 500,
    code: 'misconfigured',
    title: 'This operation is not set up correctly',
    detail: 'The operation was not carried out. The server has told its operator why.',
  },
  CLOSED: {
    status: 503,
    code: 'closed',
    title: 'The server is shutting down',
    detail: 'The operation was not carried out. Send the same request again later.',
    later: true,
  },
} as const satisfies Record<ErrorCode, Kind>

/** Problems that only the HTTP edge has. */
const MORE_KINDS = {
  PAYLOAD_TOO_LARGE: {
    status: 413,
    code: 'payload-too-large',
    title: 'The request is too large to be recognised again',
    detail: 'The operation was not carried out.',
  },
  TOO_MANY_KEYS: {
    status: 429,
    code: 'too-many-keys',
    title: 'Too many new keys',
    detail: 'The operation was not carried out. Send the same request again later.',
    later: true,
  },
  REPLAY_REFUSED: {
    status: 403,
    code: 'replay-refused',
    title: 'The answer to this request may not be given again',
    detail: 'The operation was carried out once and is not carried out again.',
  },
} as const satisfies Record<string, Kind>

export type ProblemKind = keyof typeof KINDS | keyof typeof MORE_KINDS

export const PROBLEMS: Readonly<Record<ProblemKind, Kind>> = { ...KINDS, ...MORE_KINDS }

/** Documents the header for people, if the resource has no page of its own. */
const DRAFT = 'https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/'

export interface ProblemContext {
  /** The field that carries the key. Default `Idempotency-Key`. */
  readonly header?: string | undefined
  /** The page that describes how keys are used here. */
  readonly docs?: string | undefined
}

/** @see RFC 9457, and §2.7 of the draft for `Link` and `Content-Language` */
export function problem(kind: ProblemKind, context: ProblemContext, retryAfterMs = 0): HttpReply {
  return problemOf(PROBLEMS[kind], context, retryAfterMs)
}

export function problemOf(kind: Kind, { header, docs }: ProblemContext, retryAfterMs = 0): HttpReply {
  const { status, code, title, detail, later } = kind
  const document = {
    type: docs === undefined ? `urn:onlyonce:problem:${code}` : `${docs}#${code}`,
    title: titleFor(title, header),
    status,
    detail,
    code,
  }
  const retryAfter = String(Math.max(1, Math.ceil(retryAfterMs / 1000)))
  return {
    status,
    headers: [
      ['content-type', 'application/problem+json'],
      ['content-language', 'en'],
      ['cache-control', 'no-store'],
      ['link', `<${docs ?? DRAFT}>; rel="describedby"; type="text/html"`],
      ...(later ? [['retry-after', retryAfter] as const] : []),
    ],
    body: new TextEncoder().encode(JSON.stringify(document)),
  }
}

/** Returns the title with the name of the header that carries the key. */
export function titleFor(title: string, header = 'Idempotency-Key'): string {
  return title.replace('Idempotency-Key', header)
}
