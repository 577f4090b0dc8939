import { hash } from 'node:crypto'
import { canonicalJson } from '../core/canonical-json.ts'
import { OnlyonceError, reasonOf } from '../core/errors.ts'
import { fingerprintOf } from '../core/fingerprint.ts'
import { describe, isPlainObject } from '../core/value-path.ts'
import type { HttpBody } from './call.ts'
import { readJson } from './unambiguous-json.ts'

/** `'canonical'`: JSON bodies with the same content are equal. `'raw'`: the bytes are compared. */
export type BodyFingerprint = 'canonical' | 'raw'

const JSON_TYPE = /^\s*application\/(?:[a-z0-9!#$&^_.+-]+\+)?json\s*(?:;|$)/i

export interface Sent {
  readonly method: string
  readonly url: string
  readonly contentType: string | undefined
  readonly body: HttpBody
}

/** Clients make a new one for every attempt. It says how to read bytes, and nothing about what was read. */
const BOUNDARY = /;boundary=(?:"[^"]*"|[^;]*)/

/** Version prefix of these digests. Increase it when their input changes. */
const VERSION = 'http1'

/**
 * Digest of what a key stays bound to: method, URL, content type and body. With `'canonical'` a JSON body counts in its
 * canonical form, unless it is ambiguous (see `readJson`) or has none: then its bytes count.
 * @throws OnlyonceError OPTION_INVALID when the framework parsed the body into something that has no canonical form
 */
export function fingerprintOfRequest({ method, url, contentType = '', body }: Sent, how: BodyFingerprint): string {
  const isParsed = 'parsed' in body && !(body.parsed instanceof Uint8Array)
  const said = contentType.toLowerCase().replaceAll(' ', '')
  const type = isParsed && said.startsWith('multipart/') ? said.replace(BOUNDARY, '') : said
  // None of the three can contain a line break.
  const about = `${VERSION} ${method}\n${url}\n${type}\n`
  if (isParsed) {
    if (body.parsed === undefined) return digest(about, 'none', '')
    if (how === 'raw') return digest(about, 'json', jsonText(body.parsed))
    try {
      return digest(about, 'json', canonicalJson(body.parsed))
    } catch (error) {
      // A value parsed from JSON is fully described by its JSON text, even if it has no canonical form.
      if (!JSON_TYPE.test(contentType)) throw incomparable(error)
      return digest(about, 'text', jsonText(body.parsed))
    }
  }
  const bytes = 'parsed' in body ? (body.parsed as Uint8Array) : body.bytes
  if (bytes.length === 0) return digest(about, 'none', '')
  if (how === 'canonical' && JSON_TYPE.test(contentType)) {
    const json = readJson(bytes)
    try {
      if (json !== undefined) return digest(about, 'json', canonicalJson(json.value))
    } catch {
      // No canonical form: too deep, or with a member that it cannot hold. The handler may still accept the bytes.
    }
  }
  return digest(about, 'bytes', fingerprintOf(bytes))
}

/** @throws OnlyonceError OPTION_INVALID when JSON text would not distinguish the value from others */
function jsonText(value: unknown): string {
  try {
    // First, because it throws on cycles, on which `refuseOpaque` would never end.
    const text = JSON.stringify(value)
    refuseOpaque(value)
    return text
  } catch (error) {
    throw incomparable(error)
  }
}

/**
 * Throws on what JSON cannot describe: it writes a `Map`, a form or a class with private members as `{}`, and omits
 * functions. Not a replacer, which would halve the depth that `JSON.stringify` can write.
 */
function refuseOpaque(value: unknown): void {
  const left = [value]
  while (left.length > 0) {
    const one = left.pop()
    if (typeof one === 'function') throw new TypeError(`it has ${describe(one)}, which JSON cannot write`)
    if (typeof one !== 'object' || one === null || typeof (one as { toJSON?: unknown }).toJSON === 'function') continue
    if (!Array.isArray(one) && !isPlainObject(one))
      throw new TypeError(`it has ${describe(one)}, which JSON cannot write`)
    for (const member of Object.values(one)) left.push(member)
  }
}

/** OPTION_INVALID, not an error of the key: the server chose the parser. */
function incomparable(error: unknown): OnlyonceError {
  return new OnlyonceError(
    'OPTION_INVALID',
    `what a parser made of the body of the request cannot be compared (${reasonOf(error)}): give the option \`fingerprint\` a function`,
    { cause: error },
  )
}

function digest(about: string, kind: 'none' | 'json' | 'text' | 'bytes', text: string): string {
  return `${VERSION}:${hash('sha256', `${about}${kind}\n${text}`, 'base64url')}`
}
