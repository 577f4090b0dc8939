import { checkScope, leftoverOf } from '../../core/key.ts'
import { invalidOption, refuseUnknown } from '../../core/option-rules.ts'

export const SECRET_BYTES = 32
const ID_LENGTH = 32
const SHORTEST_TTL_MS = 1_000
const LONGEST_TTL_MS = 100 * 365 * 24 * 3600 * 1000

const KNOWN: readonly string[] = ['onOpen', 'secret']

/** @throws OnlyonceError OPTION_INVALID; a secret is never printed */
export function checkTokensOptions(options: object): void {
  refuseUnknown(options, KNOWN)
  const { onOpen = 'reject', secret } = Object(options) as { readonly onOpen?: unknown; readonly secret?: unknown }
  if (!['reject', 'reuse', 'replace'].includes(onOpen as string)) {
    throw invalidOption('onOpen', "must be one of 'reject', 'reuse', 'replace'", onOpen)
  }
  const long = (typeof secret === 'string' || secret instanceof Uint8Array) && Buffer.byteLength(secret) >= SECRET_BYTES
  if (secret !== undefined && !long) throw invalidOption('secret', `must have at least ${SECRET_BYTES} bytes`, '…')
  if (onOpen === 'reuse' && secret === undefined) {
    throw invalidOption('secret', "is required by onOpen: 'reuse', because a token is stored as a digest only", secret)
  }
}

/**
 * Checks that the engine takes the name of a token: issuing one writes its record without the engine.
 * @throws OnlyonceError OPTION_INVALID
 */
export function checkRoom(tokenScope: string, maxKeyLength: number): void {
  checkScope(tokenScope)
  if (maxKeyLength < ID_LENGTH)
    throw invalidOption(
      'maxKeyLength',
      `of the engine must be ${ID_LENGTH} or more: the key is a token's id`,
      maxKeyLength,
    )
}

/** @throws OnlyonceError OPTION_INVALID */
export function checkWanted(wanted: { readonly subject: string; readonly operation: string }): void {
  refuseUnknown(wanted, ['subject', 'operation', 'ttlMs'])
  checkBinding(wanted)
}

/** @throws OnlyonceError OPTION_INVALID */
export function checkBinding(bound: { readonly subject: string; readonly operation: string }): void {
  for (const name of ['subject', 'operation'] as const) {
    const value: unknown = Object(bound)[name]
    if (typeof value !== 'string' || value.trim() === '') {
      throw invalidOption(name, 'is required: a token is for one subject and one operation', value)
    }
  }
  // Not of the operation: over HTTP that is a path, which the client writes.
  if (leftoverOf(bound.subject) !== undefined)
    throw invalidOption(
      'subject',
      'contains what is left of a missing value, so all who have none share it',
      bound.subject,
    )
}

/** @throws OnlyonceError OPTION_INVALID */
export function checkTtl(ttlMs: number): void {
  if (!Number.isSafeInteger(ttlMs) || ttlMs < SHORTEST_TTL_MS) {
    throw invalidOption('ttlMs', `must be an integer of ${SHORTEST_TTL_MS} or more (milliseconds)`, ttlMs)
  }
  if (ttlMs > LONGEST_TTL_MS) throw invalidOption('ttlMs', 'must not be longer than 100 years', ttlMs)
}
