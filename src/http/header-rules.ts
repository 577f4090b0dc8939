/** Headers that a replay carries by default: those that describe the content, or say where the result is. */
export const REPLAYED_HEADERS: readonly string[] = [
  'content-type',
  'content-language',
  'content-encoding',
  'content-disposition',
  'content-location',
  // Without it, what a 206 has is not known to be a part.
  'content-range',
  'location',
  'etag',
  'last-modified',
  'link',
  'retry-after',
  'vary',
]

/**
 * Never replayed: these belong to one connection, one moment or one person. Replaying a stored cookie or challenge
 * would hand over a session (CWE-524).
 */
export const NEVER_REPLAYED: ReadonlySet<string> = new Set([
  'set-cookie',
  'set-cookie2',
  'authorization',
  'authentication-info',
  'www-authenticate',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-authentication-info',
  'date',
  'age',
  // Fields of one connection (RFC 9110 §7.6.1), and those that frame a message.
  'connection',
  'proxy-connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
])

/** RFC 9110 §5.1 */
export const FIELD_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/
/** RFC 9110 §5.5: no line break and no NUL, so that a value is never two headers. */
export const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
