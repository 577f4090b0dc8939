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

/**
 * What a key stays bound to: method, target, content type and body. A JSON body counts by what it says, unless it says
 * one thing twice, or is no plain JSON: then its bytes count.
 * @throws OnlyonceError KEY_INVALID when the framework parsed the body into something that has no canonical form
 */
export function fingerprintOfRequest({ method, url, contentType = '', body }: Sent, how: BodyFingerprint): string {
  const about = { method, url, type: contentType.toLowerCase().replace(/\s+/g, '') }
  if ('parsed' in body && !(body.parsed instanceof Uint8Array)) {
    if (body.parsed === undefined) return fingerprintOf(about)
    return fingerprintOf({ ...about, json: how === 'raw' ? JSON.stringify(body.parsed) : body.parsed })
  }
  const bytes = 'parsed' in body ? (body.parsed as Uint8Array) : body.bytes
  if (bytes.length === 0) return fingerprintOf(about)
  if (how === 'canonical' && JSON_TYPE.test(contentType)) {
    const json = readJson(bytes)
    try {
      if (json !== undefined) return fingerprintOf({ ...about, json: json.value })
    } catch {
      // Too deep, or with a member that no canonical form has: the handler may still know what to do with the bytes.
    }
  }
  return fingerprintOf({ ...about, bytes: fingerprintOf(bytes) })
}
