import type { IncomingMessage } from 'node:http'

export type Fields = Record<string, string | string[]>

/** Fields of one connection (RFC 9110 §7.6.1). The last two are between a client and its own proxy (§11.7). */
const HOP_BY_HOP = [
  'connection',
  'proxy-connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'proxy-authenticate',
  'proxy-authorization',
]
/** Fields that `Connection` cannot remove: without them it would be another request. */
const END_TO_END = ['host', 'content-length', 'authorization', 'cookie']

/**
 * Returns the end-to-end fields of a message, with their original spelling and all their values.
 * @param protect names in lower case that `Connection` cannot remove
 */
export function endToEnd({ rawHeaders, headers }: IncomingMessage, protect: readonly string[] = []): Fields {
  const dropped = new Set(HOP_BY_HOP)
  const kept = new Set([...END_TO_END, ...protect])
  for (const token of (headers.connection ?? '').split(',')) {
    const name = token.trim().toLowerCase()
    if (!kept.has(name)) dropped.add(name)
  }
  const fields: Fields = Object.create(null)
  const spelling = new Map<string, string>()
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name, value] = [rawHeaders[at] as string, rawHeaders[at + 1] as string]
    const lower = name.toLowerCase()
    if (dropped.has(lower)) continue
    const known = spelling.get(lower) ?? name
    spelling.set(lower, known)
    const before = fields[known]
    fields[known] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value]
  }
  return fields
}

/** Deletes fields from `fields` itself and returns it. `names` are in lower case and match any spelling. */
export function without(fields: Fields, ...names: readonly string[]): Fields {
  for (const name of Object.keys(fields)) if (names.includes(heardAs(name))) delete fields[name]
  return fields
}

/** Returns the name that services hear: CGI, WSGI and Rack make one name of `X-User` and `X_User`. */
export function heardAs(name: string): string {
  return name.toLowerCase().replaceAll('_', '-')
}

export interface RequestFieldOptions {
  /** Whether to trust the client's `X-Forwarded-*`, because another proxy of yours is in front. */
  readonly trustForwarded: boolean
  /** The `Host` field for the upstream. */
  readonly host: string
  readonly protect: readonly string[]
}

/** Returns the host that the client asked for: that of the target if it is a whole URL (RFC 9112 §3.2.2). */
export function hostOf({ url = '', headers }: IncomingMessage): string | undefined {
  return /^https?:\/\//i.test(url) && URL.canParse(url) ? new URL(url).host : headers.host
}

/** Returns the fields to send to the upstream for a client's request. */
export function requestFields(
  req: IncomingMessage,
  carried: { readonly attempt: number; readonly fence: number } | undefined,
  { trustForwarded, host, protect }: RequestFieldOptions,
): Fields {
  const fields = endToEnd(req, protect)
  // `Expect` was answered here already, and only this proxy may set attempt and fence.
  without(fields, 'expect', 'onlyonce-attempt', 'onlyonce-fence')
  const { headers, socket } = req
  const from = socket.remoteAddress ?? 'unknown'
  const said = (name: string) => (trustForwarded ? joined(headers[name]) : undefined)
  const before = said('x-forwarded-for')
  const forwarded = {
    'X-Forwarded-For': before === undefined ? from : `${before}, ${from}`,
    'X-Forwarded-Proto': said('x-forwarded-proto') ?? 'http',
    'X-Forwarded-Host': said('x-forwarded-host') ?? hostOf(req) ?? '',
  }
  without(fields, 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host')
  if (!trustForwarded) without(fields, 'forwarded')
  Object.assign(fields, forwarded)
  const via = joined(headers.via)
  without(fields, 'via').Via = via === undefined ? '1.1 onlyonce' : `${via}, 1.1 onlyonce`
  without(fields, 'host').Host = host
  // Without it Node would send the body of a DELETE without any sign of where it ends, if its length is unknown.
  if (headers['transfer-encoding'] !== undefined) fields['Transfer-Encoding'] = 'chunked'
  if (carried !== undefined) {
    fields['Onlyonce-Attempt'] = String(carried.attempt)
    fields['Onlyonce-Fence'] = String(carried.fence)
  }
  return fields
}

function joined(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value
}
