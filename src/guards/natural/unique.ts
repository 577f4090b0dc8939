import type { SqlPort } from '../port/port.ts'
import { noIndex, type Target } from './columns.ts'

/**
 * Tables and keys known to have their index, checked once per process. Not per database: asking which one a connection
 * uses would cost a round trip each time.
 */
const known = new Set<string>()
const MOST_KNOWN = 1_000

/**
 * Requires a unique index over the key. Without one MySQL reports no error, and every duplicate would add a row. A
 * prefix index does not count, since it refuses rows that differ after the prefix.
 * @throws OnlyonceError OPTION_INVALID
 */
export async function requireUnique(port: SqlPort, target: Target): Promise<void> {
  const names = target.key.map(({ name }) => name.toLowerCase()).sort()
  const label = `${target.spelled}\n${names.join('\n')}`
  if (known.has(label)) return
  const [name, schema = null] = target.spelled.split('.').reverse() as [string, string?]
  const indexes = new Map<unknown, string[]>()
  for (const { c0, c1, c2 } of await port.rows(INDEXES, [name, schema])) {
    const part = Number(c2) === 0 ? String(c1).toLowerCase() : '(prefix)'
    indexes.set(c0, [...(indexes.get(c0) ?? []), part])
  }
  const isOverKey = [...indexes.values()].some((columns) => columns.sort().join('\n') === names.join('\n'))
  if (!isOverKey) throw noIndex(target, undefined)
  if (known.size >= MOST_KNOWN) known.clear()
  known.add(label)
}

const INDEXES = `SELECT index_name AS c0, column_name AS c1, COALESCE(sub_part, 0) AS c2
FROM information_schema.statistics
WHERE table_name = ? AND table_schema = COALESCE(?, DATABASE()) AND non_unique = 0`
