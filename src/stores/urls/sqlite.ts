import type { SqliteStore, SqliteStoreOptions } from '../sqlite/index.ts'
import { decoded, invalidUrl, optionsIn, withoutQuery } from './url.ts'

export async function openSqlite(url: string, rest: string): Promise<SqliteStore> {
  const [place, query] = withoutQuery(rest)
  const path = place.startsWith('///') ? place.slice(2) : place
  if (path.startsWith('//'))
    throw invalidUrl(url, 'a file has no host: write `sqlite:./file` or `sqlite:///absolute/file`')
  const options = { ...optionsIn(url, query, ['durability', 'busyTimeoutMs', 'migrate']), path: decoded(url, path) }
  const { sqliteStore } = await import('../sqlite/index.ts')
  // The store checks every option itself, whatever its type says.
  return sqliteStore(options as unknown as SqliteStoreOptions)
}
