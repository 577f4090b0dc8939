import { OnlyonceError } from '../core/errors.ts'
import { quote } from '../core/key.ts'
import type { Store } from '../core/store.ts'
import type { MemoryStore } from './memory/index.ts'
import type { SqliteStore, SqliteStoreOptions } from './sqlite/index.ts'

/**
 * A store from a URL, for configuration and the command line. Only the store that is named is loaded.
 *
 * `memory:`, `sqlite:./file`, `sqlite:/absolute/file` or `sqlite:///absolute/file`, percent-encoded where needed, with
 * `?durability=normal`, `?busyTimeoutMs=…` and `?migrate=check` as in `sqliteStore`.
 * @throws OnlyonceError OPTION_INVALID
 */
export function openStore(url: `sqlite:${string}`): Promise<SqliteStore>
export function openStore(url: 'memory:'): Promise<MemoryStore>
export function openStore(url: string): Promise<Store>
export async function openStore(url: string): Promise<Store> {
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*):(.*)$/is.exec(typeof url === 'string' ? url : '') ?? []
  switch (scheme?.toLowerCase()) {
    case 'memory': {
      if (rest !== '') throw invalidUrl(url, '`memory:` takes nothing after the colon')
      const { memoryStore } = await import('./memory/index.ts')
      return memoryStore()
    }
    case 'sqlite': {
      const options = sqliteOptions(url, rest ?? '')
      const { sqliteStore } = await import('./sqlite/index.ts')
      return sqliteStore(options)
    }
    default:
      throw invalidUrl(url, 'there are `memory:` and `sqlite:FILE`')
  }
}

function sqliteOptions(url: string, rest: string): SqliteStoreOptions {
  const query = rest.indexOf('?')
  const place = query < 0 ? rest : rest.slice(0, query)
  const path = place.startsWith('///') ? place.slice(2) : place
  if (path.startsWith('//'))
    throw invalidUrl(url, 'a file has no host: write `sqlite:./file` or `sqlite:///absolute/file`')
  const options: Record<string, unknown> = { path: decoded(url, path) }
  for (const [name, value] of new URLSearchParams(query < 0 ? '' : rest.slice(query + 1))) {
    if (!SQLITE_PARAMETERS.includes(name)) {
      throw invalidUrl(url, `\`${name}\` is not a parameter; there are ${SQLITE_PARAMETERS.join(', ')}`)
    }
    options[name] = name === 'busyTimeoutMs' && /^\d+$/.test(value) ? Number(value) : value
  }
  // sqliteStore checks every option itself, whatever its type says.
  return options as unknown as SqliteStoreOptions
}

const SQLITE_PARAMETERS = ['durability', 'busyTimeoutMs', 'migrate']

function decoded(url: string, path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    throw invalidUrl(url, 'a `%` in a file name is written `%25`')
  }
}

/** The part before any password, so that a message never carries one into a log. */
function invalidUrl(url: unknown, rule: string): OnlyonceError {
  const shown = typeof url === 'string' ? url.replace(/\/\/[^@/]*@/, '//…@') : url
  return new OnlyonceError('OPTION_INVALID', `the store URL ${quote(shown)} cannot be opened: ${rule}`)
}
