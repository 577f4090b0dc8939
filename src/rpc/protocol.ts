import type { RpcRequest } from './shapes.ts'

/**
 * The headers that the server of Connect had set before the interceptors ran. It takes those of an answer in place of
 * its own, and an answer that was not made by the handler has none: without them the client cannot read it.
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

/** A call by GET names its encoding in the query. */
function typeOfGet(url: string): string {
  return `application/${new URL(url).searchParams.get('encoding') === 'json' ? 'json' : 'proto'}`
}

/** As the server has chosen it: the first that the client takes and the server has, or what the client itself used. */
function encodingOf(header: Headers, compression: readonly string[]): string | undefined {
  const accepted = header.get('grpc-accept-encoding') ?? ''
  const asked = accepted === '' ? (header.get('grpc-encoding') ?? '') : accepted
  return asked
    .split(',')
    .map((name) => name.trim())
    .find((name) => compression.includes(name))
}
