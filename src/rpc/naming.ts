import { OnlyonceError } from '../core/errors.ts'
import type { KeyInput } from '../core/key.ts'
import type { ResolvedOptions } from '../core/options.ts'
import { canonical } from './canonical.ts'
import { keyOfMetadata } from './key.ts'
import type { RpcLibrary } from './library.ts'
import type { RpcRules } from './options.ts'
import { scopeOf } from './scope.ts'
import type { RpcCall, RpcRequest } from './shapes.ts'

/**
 * Returns the operation that a call names; `undefined` to let it pass unguarded.
 * @throws OnlyonceError KEY_MISSING, KEY_INVALID; OPTION_INVALID for a stream or bad scope; errors of user functions
 */
export async function nameOf(
  engine: Pick<ResolvedOptions, 'scope' | 'maxKeyLength'>,
  rules: RpcRules,
  library: RpcLibrary,
  request: RpcRequest,
  call: RpcCall,
): Promise<Exclude<KeyInput, string> | undefined> {
  const { scope, required, streams } = rules
  const key = rules.key === undefined ? keyOf(call, rules, engine.maxKeyLength) : await rules.key(call)
  const wanted = key !== undefined || (typeof required === 'function' ? required(call) : required)
  if (!wanted || (call.stream && streams === 'pass')) return undefined
  if (call.stream) {
    const advice = "give it an idempotency_level, or set `streams` to 'pass'"
    throw new OnlyonceError('OPTION_INVALID', `${call.procedure} is a stream, which cannot be recorded; ${advice}`)
  }
  if (key === undefined) throw new OnlyonceError('KEY_MISSING', `${call.procedure} needs \`${rules.keyHeader}\``)
  const principal = scope === 'public' ? scope : await scope(call)
  const { input } = request.method
  return {
    key,
    scope: scopeOf(engine.scope, principal, call.procedure),
    payload: library.toBinary(input, canonical(input, request.message)),
  }
}

function keyOf({ header }: RpcCall, { keyHeader }: RpcRules, maxKeyLength: number): string | undefined {
  const value = header.get(keyHeader)
  return value === null ? undefined : keyOfMetadata(value, maxKeyLength)
}
