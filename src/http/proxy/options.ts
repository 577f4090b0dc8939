import { checkEach, invalidOption, positive, type Rule } from '../../core/option-rules.ts'
import { FIELD_NAME } from '../header-rules.ts'
import { checkRoutes, type GuardChoices, type Route } from './routes.ts'
import type { ProxyScope } from './scope.ts'

export interface Address {
  /** Default `127.0.0.1`. */
  readonly host?: string
  /** 0: any free port. */
  readonly port: number
}

export interface ProxyOptions {
  /** The service behind the proxy: `http://127.0.0.1:8080`. */
  readonly upstream: string
  readonly listen: Address
  /** Where `/healthz`, `/metrics` and `/policy` are served. Default: nowhere. */
  readonly admin?: Address
  readonly scope: ProxyScope
  /** Options of the guard; routes override them. */
  readonly guard?: GuardChoices
  /** The first route that matches a request applies. */
  readonly routes?: readonly Route[]
  /** Default 2 000. Time limit for connecting to the upstream; then 502: nothing was sent. */
  readonly connectTimeoutMs?: number
  /** Default 60 000. How long the upstream may be silent; then 504: the outcome is unknown. */
  readonly upstreamTimeoutMs?: number
  /** Default 4 000. How long an idle connection to the upstream is kept. */
  readonly idleTimeoutMs?: number
  /** Default 300 000. How long a client may take to send its request, or take nothing of the answer. */
  readonly requestTimeoutMs?: number
  /** Default 16 384. The longest head of a request, and of an answer, which may always have the default. */
  readonly maxHeaderBytes?: number
  /** Default 1 000. Requests in progress; further ones get 503. */
  readonly maxInFlight?: number
  /** Default `false`: the clients' `X-Forwarded-*` and `Forwarded` are discarded. */
  readonly trustForwarded?: boolean
  /** Default `false`: the upstream gets the client's `Host`. `true`: it gets its own. */
  readonly rewriteHost?: boolean
  /** Called with errors of the proxy itself. Default: they are ignored. */
  readonly onError?: (error: unknown) => void
}

const DEFAULTS = {
  guard: {},
  routes: [],
  connectTimeoutMs: 2_000,
  upstreamTimeoutMs: 60_000,
  idleTimeoutMs: 4_000,
  requestTimeoutMs: 300_000,
  maxHeaderBytes: 16_384,
  maxInFlight: 1_000,
  trustForwarded: false,
  rewriteHost: false,
  onError: () => {},
} as const

export type ResolvedProxyOptions = ProxyOptions & Required<Omit<ProxyOptions, 'admin'>>

const COUNTS = [
  'connectTimeoutMs',
  'upstreamTimeoutMs',
  'idleTimeoutMs',
  'requestTimeoutMs',
  'maxHeaderBytes',
  'maxInFlight',
] as const

/** Node takes a longer time limit for one of a millisecond. */
const TIMER_OR_COUNT: Rule = (value) =>
  positive(value) ?? (Number(value) > 2_147_483_647 ? 'must be at most 2147483647' : undefined)

/** @throws OnlyonceError OPTION_INVALID; the guard checks its own options */
export function resolveProxyOptions(given: ProxyOptions): ResolvedProxyOptions {
  const set = Object.entries(given).filter(([, value]) => value !== undefined)
  const options = { ...DEFAULTS, ...(Object.fromEntries(set) as unknown as ProxyOptions) }
  for (const name of COUNTS) checkEach(TIMER_OR_COUNT, { [name]: options[name] })
  const { scope } = options
  const { header } = Object(scope) as { header?: unknown }
  const named = typeof header === 'string' && FIELD_NAME.test(header)
  if (scope !== 'public' && typeof scope !== 'function' && !named) {
    throw invalidOption('scope', "must be { header: NAME }, or 'public' where all callers may share their keys", scope)
  }
  checkRoutes(options.routes)
  return options
}
