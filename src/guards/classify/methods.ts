import { quote } from '../../core/key.ts'
import { type Classification, idempotent, notIdempotent, unknown } from './verdict.ts'

const SAFE = ['GET', 'HEAD', 'OPTIONS', 'TRACE']
const KEY = 'an Idempotency-Key header, checked by a middleware of onlyonce'

/**
 * Classifies whether an HTTP method is defined to be idempotent; a server may still not comply. Methods are
 * case-sensitive, and only those of RFC 9110 and PATCH are known.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2
 */
export function classifyMethod(method: string): Classification {
  if (SAFE.includes(method)) {
    return idempotent(
      `${method} is safe: it asks for no change (RFC 9110, 9.2.1), and safe methods are idempotent (9.2.2)`,
    )
  }
  if (method === 'PUT' || method === 'DELETE') {
    return idempotent(
      `${method} is idempotent: several identical requests are meant to have the effect of one (RFC 9110, 9.2.2); a late one still undoes what came after it`,
    )
  }
  if (method === 'POST') {
    return notIdempotent(
      'POST is not defined to be idempotent (RFC 9110, 9.2.2): each request may have its own effect',
      KEY,
    )
  }
  if (method === 'PATCH') {
    return notIdempotent(
      'PATCH is neither safe nor idempotent (RFC 5789, 2): a patch may say "add one"',
      `${KEY}, or If-Match with the version that the patch is for`,
    )
  }
  if (method === 'CONNECT') {
    return notIdempotent(
      'CONNECT is not defined to be idempotent (RFC 9110, 9.2.2): each request opens a tunnel',
      'open it once and keep it',
    )
  }
  return unknown(`${quote(method)} is no method of RFC 9110; methods are case-sensitive`)
}
