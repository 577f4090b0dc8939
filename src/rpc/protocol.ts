import type { RpcRequest } from './shapes.ts'

/**
 * Restores the headers that Connect's server had set before the interceptors ran. It replaces them by those of the
 * response, and a replay has none: without them the client cannot read it.
 */
export function protocolHeader({ header, url }: RpcRequest, compression: readonly string[]): Headers {
  const type = header.get('content-type')?.split(';')[0]?.trim().toLowerCase() ?? typeOfGet(url)
  const made = new Headers({ 'content-type': /^application\/grpc(-web)?$/.test(type) ? `${type}+proto` : type })
  const encoding = isGrpc(type) ? encodingOf(header, compression) : undefined
  if (encoding !== undefined) made.set('grpc-encoding', encoding)
  return made
}

export function protocolTrailer({ header }: RpcRequest): Headers {
  return new Headers(isGrpc(header.get('content-type') ?? '') ? { 'grpc-status': '0' } : {})
}

function isGrpc(type: string): boolean {
  return type.toLowerCase().startsWith('application/grpc')
}

/** A GET call has its encoding in the query. */
function typeOfGet(url: string): string {
  return `application/${new URL(url).searchParams.get('encoding') === 'json' ? 'json' : 'proto'}`
}

/** The server's choice: the first encoding that the client accepts and the server has, or the one the client used. */
function encodingOf(header: Headers, compression: readonly string[]): string | undefined {
  const accepted = header.get('grpc-accept-encoding') ?? ''
  const asked = accepted === '' ? (header.get('grpc-encoding') ?? '') : accepted
  return asked
    .split(',')
    .map((name) => name.trim())
    .find((name) => compression.includes(name))
}
