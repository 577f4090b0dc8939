import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { encodeResult } from '../../core/codec.ts'
import { SEAL_KEY_ID } from '../../core/codec-format.ts'
import { OnlyonceError } from '../../core/errors.ts'
import { invalidKind, invalidOption } from '../../core/option-rules.ts'

/** A key of `sealedStore`. Lost, what it sealed cannot be opened by anybody. */
export interface SealKey {
  /** 1 to 32 of `A–Z a–z 0–9 . _ -`. Stands in the clear beside what it sealed. */
  readonly id: string
  /** Exactly 32 random bytes. */
  readonly secret: Uint8Array
}

/** Turns bytes into bytes that only a holder of the key can read or make, for one place only. */
export interface Seal {
  close(plain: Uint8Array, place: string): Uint8Array
  /** @throws OnlyonceError OUTCOME_UNKNOWN: sealed by another key, for another place, damaged, or not sealed at all */
  open(sealed: Uint8Array, place: string): Uint8Array
}

const CIPHER = 'aes-256-gcm'
const VERSION = 1
const SECRET_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const NOTHING = encodeResult(undefined)

/**
 * AES-256-GCM with a random nonce (NIST SP 800-38D; one key for at most 2^32 values). The first key seals, each of them
 * opens: a new one comes to all processes before it is put in front, the old one stays until retention is over.
 * @throws OnlyonceError OPTION_INVALID
 */
export function createSeal(keys: readonly SealKey[]): Seal {
  checkKeys(keys)
  const [current] = keys as [SealKey]
  const secrets = new Map(keys.map(({ id, secret }) => [id, Buffer.from(secret)]))
  const header = Buffer.from([VERSION, current.id.length, ...Buffer.from(current.id)])

  return {
    close(plain, place) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv(CIPHER, secrets.get(current.id) as Buffer, nonce)
      cipher.setAAD(Buffer.concat([header, Buffer.from(place)]))
      const text = Buffer.concat([cipher.update(plain), cipher.final()])
      return Buffer.concat([header, nonce, cipher.getAuthTag(), text])
    },
    open(sealed, place) {
      const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
      const [version, length = 0] = bytes
      const head = bytes.subarray(0, 2 + length)
      const secret = secrets.get(head.subarray(2).toString('latin1'))
      const text = bytes.subarray(head.length + NONCE_BYTES + TAG_BYTES)
      if (version !== VERSION || secret === undefined || bytes.length < head.length + NONCE_BYTES + TAG_BYTES) {
        throw unopened('it was sealed by a key that is not here, or not at all')
      }
      const nonce = bytes.subarray(head.length, head.length + NONCE_BYTES)
      const decipher = createDecipheriv(CIPHER, secret, nonce, { authTagLength: TAG_BYTES })
      decipher.setAAD(Buffer.concat([head, Buffer.from(place)]))
      decipher.setAuthTag(bytes.subarray(head.length + NONCE_BYTES, head.length + NONCE_BYTES + TAG_BYTES))
      try {
        return Buffer.concat([decipher.update(text), decipher.final()])
      } catch {
        throw unopened('it was changed since, or belongs to another operation')
      }
    },
  }
}

/** Whether they are, in the clear, what an atomic claim writes by itself before there is a value. */
export function saysNothing(bytes: Uint8Array): boolean {
  return Buffer.compare(bytes, NOTHING) === 0
}

function unopened(why: string): OnlyonceError {
  return new OnlyonceError(
    'OUTCOME_UNKNOWN',
    `a stored result cannot be opened: ${why}; the operation is not run again, look at its record or forget it`,
  )
}

function checkKeys(keys: unknown): void {
  if (!Array.isArray(keys) || keys.length === 0) throw invalidKind('keys', 'must be a list of { id, secret }', keys)
  const ids = new Set<unknown>()
  for (const key of keys) {
    const { id, secret } = Object(key) as Partial<SealKey>
    if (typeof id !== 'string' || !SEAL_KEY_ID.test(id) || ids.has(id)) {
      throw invalidOption('keys', 'must each have an id of its own: 1 to 32 of A–Z a–z 0–9 . _ -', id)
    }
    ids.add(id)
    const rule = `must each have a secret of exactly ${SECRET_BYTES} bytes, unlike the one of \`${id}\``
    if (!(secret instanceof Uint8Array)) throw invalidKind('keys', rule, secret)
    if (secret.length !== SECRET_BYTES) throw invalidOption('keys', rule, secret.length)
  }
}
