import {
  type ClientRequest,
  Agent as HttpAgent,
  type IncomingMessage,
  maxHeaderSize as ofNode,
  request as requestHttp,
} from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import type { Operation } from '../../core/once.ts'
import { invalidOption } from '../../core/option-rules.ts'
import { withoutSecrets } from '../../core/without-secrets.ts'
import { type Fields, hostOf, requestFields } from './fields.ts'

export interface UpstreamOptions {
  /** `http://host:port[/base]`, or `https`. */
  readonly upstream: string
  readonly upstreamTimeoutMs: number
  /** How long an idle connection is kept. Must be shorter than the upstream keeps it, or requests are lost. */
  readonly idleTimeoutMs: number
  readonly trustForwarded: boolean
  readonly rewriteHost: boolean
  /** The longest head of a request. */
  readonly maxHeaderBytes: number
  /** Fields that `Connection` cannot remove, in lower case. */
  readonly protect: readonly string[]
}

/** The service behind the proxy, and the connections to it. */
export interface Upstream {
  readonly secure: boolean
  readonly timeoutMs: number
  /** Creates a request for `target`; nothing is sent yet. `change` may modify its fields. */
  ask(req: IncomingMessage, target: string, op: Operation | undefined, change?: (fields: Fields) => void): ClientRequest
  close(): void
}

/** @throws OnlyonceError OPTION_INVALID */
export function createUpstream(options: UpstreamOptions): Upstream {
  const url = URL.canParse(options.upstream) ? new URL(options.upstream) : undefined
  const right = url !== undefined && ['http:', 'https:'].includes(url.protocol) && url.search === '' && url.hash === ''
  if (!right || url.username !== '' || url.password !== '') {
    const rule = 'must be http://host:port or https://host, with no user, query or fragment'
    throw invalidOption('upstream', rule, withoutSecrets(String(options.upstream)))
  }
  const secure = url.protocol === 'https:'
  const request = secure ? requestHttps : requestHttp
  const agent = new (secure ? HttpsAgent : HttpAgent)({ keepAlive: true, timeout: options.idleTimeoutMs })
  // A longer head of an answer counts as no answer, and the request was carried out. So never less than Node's default.
  const maxHeaderSize = Math.max(options.maxHeaderBytes, ofNode)
  const base = url.pathname.replace(/\/$/, '')
  const { trustForwarded, rewriteHost, protect, upstreamTimeoutMs: timeoutMs } = options
  return {
    secure,
    timeoutMs,
    ask(req, target, op, change) {
      const host = rewriteHost ? url.host : (hostOf(req) ?? url.host)
      const headers = requestFields(req, op, { trustForwarded, host, protect })
      change?.(headers)
      return request({
        agent,
        host: url.hostname.replace(/^\[|\]$/g, ''),
        port: url.port,
        method: req.method,
        path: target === '*' ? target : base + target,
        headers,
        setHost: false,
        maxHeaderSize,
      })
    },
    close: () => agent.destroy(),
  }
}

/** Whether there are several `Host` fields: such a request must be refused (RFC 9112 §3.2). */
export function hasSeveralHosts({ headersDistinct }: IncomingMessage): boolean {
  return (headersDistinct.host?.length ?? 0) > 1
}

/** Whether the body has a transfer coding but the chunked one, which Node leaves as it is (RFC 9112 §6.1). */
export function isCoded({ headers }: IncomingMessage): boolean {
  const coding = headers['transfer-encoding']
  return coding !== undefined && coding.trim().toLowerCase() !== 'chunked'
}

/** Returns path and query of a request line; `undefined` for anything else, such as the target of `CONNECT`. */
export function targetOf({ url = '', method }: IncomingMessage): string | undefined {
  if (url.startsWith('/') || (url === '*' && method === 'OPTIONS')) return url
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) return undefined
  const { pathname, search } = new URL(url)
  return pathname + search
}
