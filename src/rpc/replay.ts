import { OnlyonceError } from '../core/errors.ts'
import type { RpcLibrary } from './library.ts'
import type { RpcRules } from './options.ts'
import { protocolHeader, protocolTrailer } from './protocol.ts'
import type { RpcRequest, RpcResponse } from './shapes.ts'
import { readStored } from './stored.ts'

/**
 * Returns the stored response of a call.
 * @throws the stored error; OnlyonceError RESULT_UNSERIALIZABLE when the answer was not kept, OUTCOME_UNKNOWN when it cannot be read
 */
export function replay(
  value: unknown,
  request: RpcRequest,
  { replayedHeader, compression }: RpcRules,
  library: RpcLibrary,
): RpcResponse {
  const end = readStored(value)
  if ('omitted' in end)
    throw new OnlyonceError(
      'RESULT_UNSERIALIZABLE',
      'the call was made, but its answer was not kept: it is longer than `maxBodyBytes`, has no bytes, or was not known to who resolved the operation',
    )
  if ('error' in end) {
    const { code, message, details, metadata } = end.error
    const error = library.error(message, code, new Headers([...metadata.map(pair), [replayedHeader, 'true']]))
    error.details = [...details]
    throw error
  }
  const header = protocolHeader(request, compression)
  const trailer = protocolTrailer(request)
  for (const [name, kept] of end.header) header.set(name, kept)
  for (const [name, kept] of end.trailer) trailer.set(name, kept)
  header.set(replayedHeader, 'true')
  const { method, service } = request
  const message = read(end.message, request, library)
  return Object.assign({ stream: false, method, service, message }, { header, trailer })
}

function read(bytes: Uint8Array, { method }: RpcRequest, library: RpcLibrary) {
  try {
    return library.fromBinary(method.output, bytes)
  } catch (cause) {
    throw new OnlyonceError(
      'OUTCOME_UNKNOWN',
      `the call was made, but its stored answer is no ${method.output.typeName}: the record was damaged, or the message has changed since`,
      { cause },
    )
  }
}

function pair([name, value]: readonly [string, string]): [string, string] {
  return [name, value]
}
