import type { PgClient } from './client.ts'
import { expectedColumns, expectedIndexes } from './migrations.ts'
import { truth } from './reading.ts'
import { isPartitioned, type Names, type PartitionedNames } from './sql/names.ts'
import { driftSql } from './sql/partitions.ts'

/** Returns the server settings under which stored values would differ from the values given. */
export async function settingProblems(client: PgClient): Promise<readonly string[]> {
  const { rows } = await client.query(
    "SELECT current_setting('server_encoding') AS encoding, current_setting('array_nulls') AS array_nulls",
  )
  const { encoding, array_nulls } = rows[0] ?? {}
  const problems: string[] = []
  // The server converts all text to the database's encoding and refuses characters that it lacks.
  if (encoding !== 'UTF8')
    problems.push(
      `the encoding of the database is ${encoding}, in which not every key can be stored: use a database that was created with ENCODING 'UTF8'`,
    )
  if (array_nulls === 'off')
    problems.push(
      'the setting `array_nulls` is off, so that the word NULL would be stored where there is nothing: set it on for the role or the database',
    )
  return problems
}

/** Also of a standby. Not among the settings above: what only reads works there, and a fail-over may end it. */
export async function readOnlyProblems(client: PgClient): Promise<readonly string[]> {
  const { rows } = await client.query("SELECT current_setting('transaction_read_only') AS read_only")
  if (rows[0]?.read_only !== 'on') return []
  return ['the server or the session is read-only, so nothing can be claimed there: connect to the primary']
}

/** Returns the tables, columns and indexes of this version that the database lacks. */
export async function missing(client: PgClient, schema: string, names: Names): Promise<readonly string[]> {
  const columns = await client.query(
    `SELECT c.relname AS name, a.attname AS part FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE n.nspname = $1::text AND c.relkind IN ('r', 'p', 'v')`,
    [schema],
  )
  const indexes = await client.query('SELECT indexname AS name FROM pg_indexes WHERE schemaname = $1::text', [schema])
  const present = new Set(columns.rows.map(({ name, part }) => `${name}.${part}`))
  const tables = new Set(columns.rows.map(({ name }) => name))
  const indexed = new Set(indexes.rows.map(({ name }) => name))
  const problems: string[] = []
  for (const [table, expected] of Object.entries(expectedColumns(isPartitioned(names)))) {
    if (!tables.has(table)) problems.push(`table ${table} is missing`)
    else
      for (const column of expected)
        if (!present.has(`${table}.${column}`)) problems.push(`column ${table}.${column} is missing`)
  }
  for (const index of expectedIndexes(isPartitioned(names)))
    if (!indexed.has(index)) problems.push(`index ${index} is missing`)
  return problems
}

/** A partition without its unique index on the id would accept the same operation twice. */
export async function partitionProblems(client: PgClient, names: PartitionedNames): Promise<readonly string[]> {
  const { rows } = await client.query(driftSql(names))
  return rows
    .map(({ part, name, is_unique }) => {
      if (name === null) return `partition operations_${part} is missing`
      if (part === null) return `table ${name} is a partition, and is not in the list of partitions`
      return truth(is_unique) === true ? '' : `partition ${name} has no unique index on id`
    })
    .filter((problem) => problem !== '')
}
