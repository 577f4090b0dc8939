import type { IncomingMessage } from 'node:http'
import { OnlyonceError } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import type { HttpCall } from '../call.ts'
import { fingerprintOfRequest } from '../fingerprint.ts'
import type { IdempotencyOptions } from '../options.ts'

type Options = IdempotencyOptions<IncomingMessage>

/** The options of the HTTP edge that make sense where no code of the service runs. */
export interface GuardChoices extends Omit<Options, 'scope' | 'atomic' | 'fingerprint'> {
  /** `'none'`: the body is not part of the fingerprint, and streams through at any length. */
  readonly fingerprint?: Options['fingerprint'] | 'none'
}

/** The options that can be written in a file. */
const WRITTEN = [
  'header',
  'keySyntax',
  'required',
  'fingerprint',
  'maxRequestBytes',
  'maxBodyBytes',
  'replayHeaders',
  'replayedHeader',
  'docs',
  'maxWaiting',
  'newKeysPerMinute',
  'leaseMs',
  'maxRunMs',
  'retentionMs',
  'onAbandoned',
  'onDuplicate',
  'onInFlight',
  'waitMs',
  'onStoreDown',
] as const satisfies readonly (keyof GuardChoices)[]

export interface Route extends Pick<GuardChoices, (typeof WRITTEN)[number]> {
  /** `/orders/:id` or `/files/*`. Compared segment by segment, decoded, without the query. */
  readonly path: string
  /** Default: any; only the guard's `methods` are guarded then. */
  readonly method?: string | readonly string[]
  /** Default `true`. `false`: passes as if there were no guard. */
  readonly guard?: boolean
}

const FIELDS: readonly string[] = ['path', 'method', 'guard', ...WRITTEN]

/** Checks routes, which may come from a file. The guard checks its own options. @throws OnlyonceError OPTION_INVALID */
export function checkRoutes(value: unknown): readonly Route[] {
  if (!Array.isArray(value)) throw wrong('routes', 'must be a list of { path, method, … }', value)
  value.forEach((route: unknown, at) => {
    const name = `routes[${at}]`
    if (typeof route !== 'object' || route === null || Array.isArray(route)) {
      throw wrong(name, 'must be an object such as { "path": "/orders", "required": true }', route)
    }
    const { path, method, guard } = route as Record<string, unknown>
    for (const field of Object.keys(route)) {
      if (!FIELDS.includes(field))
        throw wrong(`${name}.${field}`, `is not a field; there are ${FIELDS.join(', ')}`, field)
    }
    if (typeof path !== 'string' || !path.startsWith('/')) {
      throw wrong(`${name}.path`, 'must be a path such as /orders/:id or /files/*', path)
    }
    if (path.slice(0, -1).includes('*')) throw wrong(`${name}.path`, 'may have * as its last segment only', path)
    const methods = Array.isArray(method) ? method : method === undefined ? [] : [method]
    if (!methods.every((one) => typeof one === 'string' && one !== '')) {
      throw wrong(`${name}.method`, 'must be a method, or a list of them', method)
    }
    if (guard !== undefined && typeof guard !== 'boolean') throw wrong(`${name}.guard`, 'must be true or false', guard)
  })
  return value as readonly Route[]
}

/** Returns the options of a route's guard: the route's own, over `choices`. */
export function guardOptionsOf(
  choices: GuardChoices,
  route: Route | undefined,
): Omit<IdempotencyOptions<IncomingMessage>, 'scope'> {
  const { path: _, method, guard: __, ...own } = route ?? { path: '/' }
  const methods = method === undefined ? {} : { methods: Array.isArray(method) ? method : [method] }
  const { fingerprint, ...rest } = { ...choices, ...own, ...methods }
  return { ...rest, fingerprint: fingerprint === 'none' ? bodiless : (fingerprint ?? 'canonical') }
}

function bodiless({ method, url, header }: HttpCall<IncomingMessage>): string {
  return fingerprintOfRequest({ method, url, contentType: header('content-type'), body: { parsed: undefined } }, 'raw')
}

/** Returns a function that says whether the route matches a request. */
export function matcherOf({ path, method }: Route): (req: IncomingMessage, target: string) => boolean {
  const wanted = segmentsOf(path)
  const open = wanted.at(-1) === '*'
  const fixed = open ? wanted.slice(0, -1) : wanted
  const methods = method === undefined ? undefined : [method].flat().map((one) => one.toUpperCase())
  return (req, target) => {
    if (methods !== undefined && !methods.includes(req.method ?? '')) return false
    const segments = segmentsOf(target.split('?', 1)[0] as string)
    if (open ? segments.length < fixed.length : segments.length !== fixed.length) return false
    return fixed.every((segment, at) => segment.startsWith(':') || segment === segments[at])
  }
}

/** A slash at the end is ignored: `/orders/` is `/orders`. */
function segmentsOf(path: string): string[] {
  return path.replace(/\/$/, '').split('/').slice(1).map(decoded)
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

function wrong(name: string, rule: string, value: unknown): OnlyonceError {
  return new OnlyonceError('OPTION_INVALID', `\`${name}\` ${rule}; got ${quote(value)}`)
}
