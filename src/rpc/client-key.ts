import { OnlyonceError } from '../core/errors.ts'
import { quote, resolveKey } from '../core/key.ts'
import { newUuid } from '../core/uuid.ts'
import type { ResolvedCalls } from './calls-options.ts'
import type { RpcCall } from './shapes.ts'

const MAX_KEY_LENGTH = 255
const VISIBLE_ASCII = /^[\x21\x23-\x2b\x2d-\x7e]+$/

/**
 * Returns the key of a call: its header; otherwise, if the method may have side effects, what `key` returns, or a UUID.
 * @throws OnlyonceError KEY_MISSING, KEY_INVALID
 */
export function clientKey(call: RpcCall, { key, keyHeader, runtime }: ResolvedCalls): string | undefined {
  const given = call.header.get(keyHeader)
  if (given !== null && given !== '') return given
  if (call.idempotencyLevel !== 0) return undefined
  if (key === undefined) return newUuid(runtime)
  const name = key(call)
  if (name === undefined) return undefined
  const checked = resolveKey(name, 'client', MAX_KEY_LENGTH).key
  if (VISIBLE_ASCII.test(checked)) return checked
  const message = `key ${quote(checked)} cannot be sent as metadata: it must be visible ASCII without \`"\` and \`,\``
  throw new OnlyonceError('KEY_INVALID', message)
}
