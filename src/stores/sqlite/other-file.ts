import { OnlyonceError } from '../../core/errors.ts'
import type { SqliteConnection } from '../../embedded/driver.ts'
import { fileIdentity } from '../../embedded/file.ts'
import { IN_MEMORY } from '../../embedded/open-file.ts'
import { rows } from '../../embedded/statements.ts'
import type { ResolvedSqliteOptions } from './options.ts'

type Source = ResolvedSqliteOptions['source']

/** Connections that reach the file of a store. They stay on it as long as they are open. */
const reaching = new WeakMap<Source, WeakSet<SqliteConnection>>()

/**
 * Refuses a connection to other files than the store's: a record would commit where no duplicate looks for it, and a
 * message where no relay does. Where nobody can tell, it passes.
 * @throws OnlyonceError OPTION_INVALID
 */
export function refuseOtherFile(source: Source, tx: SqliteConnection): void {
  const known = reaching.get(source) ?? new WeakSet()
  if (known.has(tx) || !reaches(source, tx)) return
  known.add(tx)
  reaching.set(source, known)
}

/** Returns false when it cannot be told. @throws OnlyonceError OPTION_INVALID when it does not */
function reaches(source: Source, tx: SqliteConnection): boolean {
  const own = 'path' in source ? source.path : source.database === tx ? undefined : filesOf(source.database)?.[0]
  const files = own === undefined || own === '' ? undefined : filesOf(tx)
  if (own === undefined || files === undefined) return false
  const identity = own === IN_MEMORY ? undefined : fileIdentity(own)
  const others = files.filter((file) => file !== '').map(fileIdentity)
  if (identity !== undefined && others.includes(identity)) return true
  if (others.includes(undefined)) return false
  throw new OnlyonceError(
    'OPTION_INVALID',
    `option \`tx\` is a transaction on ${files[0] === '' ? 'a database in memory' : files[0]}, and the store has its records in ` +
      `${own}: they would commit where nobody looks for them; give a transaction on that file, or make a store of the other`,
  )
}

/** The main file first, then those that are attached; '' for one in memory. */
function filesOf(db: SqliteConnection): readonly string[] | undefined {
  try {
    const files = rows(db, 'PRAGMA database_list').map(({ file }) => file)
    return files.length > 0 && files.every((file) => typeof file === 'string') ? files : undefined
  } catch {
    return undefined
  }
}
