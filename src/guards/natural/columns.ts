import { OnlyonceError } from '../../core/errors.ts'
import { quote, resolveKey } from '../../core/key.ts'
import { invalidOption, refuseUnknown } from '../../core/option-rules.ts'
import { columnName, tableName } from '../port/names.ts'
import type { SqlPort } from '../port/port.ts'
import { columnInputOf, refuseValue, type SqlInput, type SqlRow } from '../port/values.ts'

/** One column of a row to be written. */
export interface Column {
  readonly name: string
  /** Quoted for a statement. */
  readonly quoted: string
  /** As the caller gave it. */
  readonly given: unknown
  readonly input: SqlInput
}

export interface Target {
  /** Quoted for a statement. */
  readonly table: string
  /** As the caller spelled it. */
  readonly spelled: string
  readonly columns: readonly Column[]
  readonly key: readonly Column[]
  readonly rest: readonly Column[]
}

export interface TargetOptions {
  readonly table: string
  readonly row: SqlRow
  readonly key: string | readonly string[]
}

/**
 * Refuses names that are no options: of a misspelt `newer` nothing else would tell. Returns no options for none.
 * @throws OnlyonceError OPTION_INVALID
 */
export function named<Options extends object>(options: Options, known: readonly (keyof Options & string)[]): Options {
  refuseUnknown(options, known)
  return options ?? {}
}

/**
 * Checks table, row and key.
 * @throws OnlyonceError OPTION_INVALID; KEY_MISSING or KEY_INVALID when a key column has no usable value
 */
export function targetOf(port: SqlPort, { table, row, key }: TargetOptions): Target {
  if (typeof row !== 'object' || row === null) throw refuseValue('option `row` must be an object of columns', row)
  if (typeof key !== 'string' && !Array.isArray(key))
    throw refuseValue('option `key` must name columns of the row', key)
  const spelled = table
  refuseTwice(port, Object.keys(row))
  const columns = Object.entries(row).map(([name, given]): Column => {
    const quoted = columnName(port, name)
    if (isOfKey(key, name)) checkKeyValue(name, given)
    return { name, quoted, given, input: columnInputOf(port.dialect, name, given) }
  })
  const keys = (typeof key === 'string' ? [key] : key).map((name) => {
    const column = columns.find((one) => one.name === name)
    if (column !== undefined) return column
    throw new OnlyonceError(
      'KEY_MISSING',
      `the row for ${spelled} has no column ${quote(name)}, which is part of its key`,
    )
  })
  if (keys.length === 0) throw new OnlyonceError('OPTION_INVALID', 'option `key` must name at least one column')
  return {
    table: tableName(port, table),
    spelled,
    columns,
    key: keys,
    rest: columns.filter((column) => !keys.includes(column)),
  }
}

/**
 * Refuses two spellings of one column. SQLite and MySQL ignore case in names of columns, and SQLite writes one of the two
 * values and tells nobody.
 * @throws OnlyonceError OPTION_INVALID
 */
export function refuseTwice({ dialect }: SqlPort, names: readonly string[]): void {
  if (dialect === 'postgres') return
  const spellings = new Map<string, string>()
  for (const name of names) {
    const folded = name.toLowerCase()
    const other = spellings.get(folded)
    if (other !== undefined) {
      const rule = `\`${other}\` and \`${name}\` are one column, because ${dialect} ignores case in names of columns: give it once`
      throw new OnlyonceError('OPTION_INVALID', rule)
    }
    spellings.set(folded, name)
  }
}

/** Returns the columns in which an existing row must agree. @throws OnlyonceError OPTION_INVALID */
export function comparedColumns(target: Target, compare: readonly string[] | undefined): Target['columns'] {
  if (compare === undefined) return target.columns
  if (!Array.isArray(compare)) throw invalidOption('compare', 'must be a list of columns', compare)
  const unknown = compare.find((name) => target.columns.every((column) => column.name !== name))
  if (unknown !== undefined) {
    throw new OnlyonceError('OPTION_INVALID', `option \`compare\` names \`${unknown}\`, which the row does not have`)
  }
  return target.columns.filter((column) => target.key.includes(column) || compare.includes(column.name))
}

/** Names the row for a message: `orders (id = "1100")`. */
export function naming({ spelled, key }: Target): string {
  return `${spelled} (${key.map(({ name, given }) => `${name} = ${quote(given)}`).join(', ')})`
}

/** The error for a key without a unique index, which nothing keeps from being inserted twice. */
export function noIndex(target: Target, cause: unknown): OnlyonceError {
  const names = target.key.map(({ name }) => name).join(', ')
  return new OnlyonceError(
    'OPTION_INVALID',
    `${naming(target)} cannot be written once: no unique index or primary key is over exactly (${names}), so nothing ` +
      `keeps a second row out; CREATE UNIQUE INDEX … ON ${target.spelled} (${names})`,
    { cause },
  )
}

const isOfKey = (key: string | readonly string[], name: string) =>
  typeof key === 'string' ? key === name : key.includes(name)

/** Refuses values that identify no row: a unique index allows many NULLs, and `undefined` as text is always equal. */
function checkKeyValue(name: string, value: unknown): void {
  if (value === undefined || value === null) {
    throw new OnlyonceError('KEY_MISSING', `column \`${name}\` is part of the key and has no value: it names the row`)
  }
  if (typeof value === 'string') resolveKey(value, 'key', Number.MAX_SAFE_INTEGER)
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new OnlyonceError('KEY_INVALID', `column \`${name}\` is part of the key and is ${value}`)
  }
  // JSON.parse maps 1234567890123456789 and its neighbours to one number, and so several rows to one key.
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw new OnlyonceError(
      'KEY_INVALID',
      `column \`${name}\` is part of the key, and ${value} is more than a number holds exactly: give a bigint, or text`,
    )
  }
}
