import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** Who may look: whoever opens the printed address once has a cookie from then on. */
export interface Access {
  readonly cookie: string
  /** Whether the request has the cookie. */
  isLetIn(request: IncomingMessage): boolean
  /** Whether the text is the token, compared in constant time. */
  isToken(text: string): boolean
}

/** `port`: cookies of one host are shared by all its ports, so the name has it. */
export function createAccess(token: string, port: number): Access {
  const name = `onlyonce_dashboard_${port}`
  const digest = (text: string) => createHash('sha256').update(text).digest()
  const expected = digest(token)
  const isToken = (text: string) => timingSafeEqual(digest(text), expected)
  return {
    // Lax, not Strict: the address may have been opened from a page of another site, such as a chat.
    cookie: `${name}=${token}; Path=/; HttpOnly; SameSite=Lax`,
    isToken,
    isLetIn({ headers }) {
      const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim())
      return pairs.some((pair) => pair.startsWith(`${name}=`) && isToken(pair.slice(name.length + 1)))
    },
  }
}

/** Whether a form was sent by a page of this server. A browser sends `Origin` with every POST, other sites theirs. */
export function isOwnForm({ headers }: IncomingMessage): boolean {
  try {
    return new URL(headers.origin ?? '').host === headers.host
  } catch {
    return false
  }
}
