import { hash } from 'node:crypto'
import { canonicalJson } from '../core/canonical-json.ts'
import { fingerprintOf } from '../core/fingerprint.ts'
import type { HttpBody } from './call.ts'
import { readJson } from './unambiguous-json.ts'

/** `'canonical'`: JSON bodies that say the same are the same. `'raw'`: the bytes count. */
export type BodyFingerprint = 'canonical' | 'raw'

const JSON_TYPE = /^\s*application\/(?:[a-z0-9!#$&^_.+-]+\+)?json\s*(?:;|$)/i

export interface Sent {
  readonly method: string
  readonly url: string
  readonly contentType: string | undefined
  readonly body: HttpBody
}

/** Tells these digests from all others; the number grows when they are made in another way. */
const VERSION = 'http1'

/**
 * What a key stays bound to: method, target, content type and body. A JSON body counts by what it says, unless it says
 * one thing twice, or is no plain JSON: then its bytes count.
 * @throws OnlyonceError KEY_INVALID when the framework parsed the body into something that has no canonical form
 */
export function fingerprintOfRequest({ method, url, contentType = '', body }: Sent, how: BodyFingerprint): string {
  // None of the three can contain a line break.
  const about = `${VERSION} ${method}\n${url}\n${contentType.toLowerCase().replaceAll(' ', '')}\n`
  if ('parsed' in body && !(body.parsed instanceof Uint8Array)) {
    if (body.parsed === undefined) return digest(about, 'none', '')
    if (how === 'raw') return digest(about, 'json', JSON.stringify(body.parsed))
    try {
      return digest(about, 'json', canonicalJson(body.parsed))
    } catch (error) {
      // Of JSON nothing is lost in its text; of anything else that a parser makes, something may be.
      if (!JSON_TYPE.test(contentType)) throw error
      return digest(about, 'text', JSON.stringify(body.parsed))
    }
  }
  const bytes = 'parsed' in body ? (body.parsed as Uint8Array) : body.bytes
  if (bytes.length === 0) return digest(about, 'none', '')
  if (how === 'canonical' && JSON_TYPE.test(contentType)) {
    const json = readJson(bytes)
    try {
      if (json !== undefined) return digest(about, 'json', canonicalJson(json.value))
    } catch {
      // Too deep, or with a member that no canonical form has: the handler may still know what to do with the bytes.
    }
  }
  return digest(about, 'bytes', fingerprintOf(bytes))
}

function digest(about: string, kind: 'none' | 'json' | 'text' | 'bytes', text: string): string {
  return `${VERSION}:${hash('sha256', `${about}${kind}\n${text}`, 'base64url')}`
}
