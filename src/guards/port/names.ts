import { OnlyonceError } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'

/** PostgreSQL keeps 63 bytes of a name. */
const PLAIN = /^[A-Za-z_][A-Za-z0-9_$]{0,62}$/

export const inDoubleQuotes = (name: string): string => `"${name}"`

interface Quoting {
  quoted(name: string): string
}

/** Quotes a column name. @throws OnlyonceError OPTION_INVALID unless it is a plain identifier */
export function columnName(port: Quoting, name: unknown): string {
  return port.quoted(checked('column', name))
}

/** Quotes `table` or `schema.table`, spelled as the database keeps it. @throws OnlyonceError OPTION_INVALID */
export function tableName(port: Quoting, name: unknown): string {
  const parts = typeof name === 'string' ? name.split('.') : [name]
  if (parts.length > 2) throw refused('table', name)
  return parts.map((part) => port.quoted(checked('table', part, name))).join('.')
}

function checked(what: string, part: unknown, whole: unknown = part): string {
  if (typeof part === 'string' && PLAIN.test(part)) return part
  throw refused(what, whole)
}

function refused(what: string, name: unknown): OnlyonceError {
  const form = what === 'table' ? 'a plain identifier, or two with a dot between (schema.table)' : 'a plain identifier'
  return new OnlyonceError(
    'OPTION_INVALID',
    `the name of a ${what} must be ${form}: letters, digits, _ and $, at most 63, no digit first; got ${quote(name)}`,
  )
}
