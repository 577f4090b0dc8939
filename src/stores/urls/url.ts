import { OnlyonceError } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import { withoutSecrets } from '../../core/without-secrets.ts'

/** The message shows the URL without its secrets. */
export function invalidUrl(url: unknown, rule: string): OnlyonceError {
  const shown = typeof url === 'string' ? withoutSecrets(url) : url
  return new OnlyonceError('OPTION_INVALID', `the store URL ${quote(shown)} cannot be opened: ${rule}`)
}

/** For a URL that cannot be parsed: mostly its host was cut off by what stands in the password. */
const PASSWORD_HINT = 'in a password write `/` as `%2F`, `?` as `%3F`, `#` as `%23`, `%` as `%25`'

/** @throws OnlyonceError OPTION_INVALID with `form`, also for a fragment: a parser drops it, with whatever it cut off. */
export function parsedUrl(url: string, form: string): URL {
  const parsed = URL.canParse(url) && !url.includes('#') ? new URL(url) : undefined
  if (parsed === undefined) throw invalidUrl(url, `write \`${form}\`; ${PASSWORD_HINT}`)
  checkPort(url, parsed.port)
  return parsed
}

/** The client would go to its default port for 0, or fail at the first connection. Empty: none is given. */
export function checkPort(url: string, port: string): void {
  if (port !== '' && !(Number(port) >= 1 && Number(port) <= 65_535))
    throw invalidUrl(url, `a port is a number from 1 to 65535, not ${port}`)
}

export function decoded(url: string, text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalidUrl(url, 'a `%` is written `%25`')
  }
}

/** Splits off the query. */
export function withoutQuery(text: string): readonly [place: string, query: URLSearchParams] {
  const at = text.indexOf('?')
  return at < 0 ? [text, new URLSearchParams()] : [text.slice(0, at), new URLSearchParams(text.slice(at + 1))]
}

/** Parameters that stay strings, even if they look like numbers or booleans. */
const NAMES: readonly string[] = ['schema', 'database', 'prefix']

/** Checks the maximum number of connections, which the client itself does not check. */
export function checkConnections(url: string, name: string, value: unknown): void {
  if (value === undefined || (typeof value === 'number' && value >= 1)) return
  throw invalidUrl(url, `\`${name}\` must be a whole number from 1`)
}

/** Returns the known parameters as options; integers and booleans are converted. The store checks the values itself. */
export function optionsIn(url: string, query: URLSearchParams, known: readonly string[]): Record<string, unknown> {
  const options: Record<string, unknown> = {}
  for (const [name, value] of query) {
    if (!known.includes(name)) {
      throw invalidUrl(url, `\`${name}\` is not a parameter; there are ${known.join(', ')}`)
    }
    options[name] = NAMES.includes(name) ? value : plain(value)
  }
  return options
}

function plain(value: string): string | number | boolean {
  if (/^\d{1,15}$/.test(value)) return Number(value)
  return value === 'true' || value === 'false' ? value === 'true' : value
}
