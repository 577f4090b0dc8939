import { invalidOption } from '../../core/options.ts'
import { FIELD_NAME } from '../header-rules.ts'
import { checkRoutes, type GuardChoices, type Route } from './routes.ts'
import type { ProxyScope } from './scope.ts'

export interface Address {
  /** Default `127.0.0.1`. */
  readonly host?: string
  /** 0: any that is free. */
  readonly port: number
}

export interface ProxyOptions {
  /** Where requests go: `http://127.0.0.1:8080`. */
  readonly upstream: string
  readonly listen: Address
  /** Where `/healthz` and `/metrics` are. Default: nowhere. */
  readonly admin?: Address
  readonly scope: ProxyScope
  /** What holds for requests that no route says otherwise of. */
  readonly guard?: GuardChoices
  /** The first that fits a request counts. */
  readonly routes?: readonly Route[]
  /** Default 2 000. No connection by then: 502, and nothing happened. */
  readonly connectTimeoutMs?: number
  /** Default 60 000. How long the upstream may say nothing: then 504, and nobody knows. */
  readonly upstreamTimeoutMs?: number
  /** Default 4 000. How long an idle connection to the upstream is kept. */
  readonly idleTimeoutMs?: number
  /** Default 300 000. How long a client may take to send its request. */
  readonly requestTimeoutMs?: number
  /** Default 16 384. */
  readonly maxHeaderBytes?: number
  /** Default 1 000. More at a time: 503. */
  readonly maxInFlight?: number
  /** Default `false`: what clients say in `X-Forwarded-*` and `Forwarded` is thrown away. */
  readonly trustForwarded?: boolean
  /** Default `false`: the upstream is asked for the host that the client asked for. */
  readonly rewriteHost?: boolean
  /** Told of what went wrong here and is nobody's answer. Default: nobody. */
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

/** @throws OnlyonceError OPTION_INVALID; what the guard is told, the guard checks */
export function resolveProxyOptions(given: ProxyOptions): ResolvedProxyOptions {
  const set = Object.entries(given).filter(([, value]) => value !== undefined)
  const options = { ...DEFAULTS, ...(Object.fromEntries(set) as unknown as ProxyOptions) }
  for (const name of COUNTS) {
    const value = options[name]
    if (!Number.isSafeInteger(value) || value <= 0 || value > 2_147_483_647) {
      throw invalidOption(name, 'must be a positive integer', value)
    }
  }
  const { scope } = options
  const { header } = Object(scope) as { header?: unknown }
  const named = typeof header === 'string' && FIELD_NAME.test(header)
  if (scope !== 'public' && typeof scope !== 'function' && !named) {
    throw invalidOption('scope', "must be { header: NAME }, or 'public' where all callers may share their keys", scope)
  }
  checkRoutes(options.routes)
  return options
}
