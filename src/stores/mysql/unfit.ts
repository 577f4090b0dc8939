/** The smallest default of `sql_select_limit`, which means "all rows". */
const ALL_ROWS = 2 ** 32 - 1

const DIRTY = (value: string) => value === 'READ-UNCOMMITTED'
const WHY_DIRTY =
  'the isolation level READ UNCOMMITTED, so a result is read, and handed on to duplicates, that its transaction may still undo: give the ' +
  'mysql store a pool with another level'

/** Settings that a connection of the pool must not have, and why. */
const UNFIT: readonly (readonly [variable: string, isUnfit: (value: string) => boolean, why: string])[] = [
  [
    'autocommit',
    (value) => value === 'OFF',
    'autocommit switched off, so nothing that the mysql store does would ever be committed: give it a pool whose connections have it on',
  ],
  [
    'sql_mode',
    (value) => value.includes('EMPTY_STRING_IS_NULL'),
    'EMPTY_STRING_IS_NULL in their sql_mode, so nothing can be stored that is empty: give the mysql store a pool without it',
  ],
  [
    'sql_mode',
    (value) => value.split(',').includes('ORACLE'),
    'ORACLE in their sql_mode, another language than that of the statements of the mysql store: give it a pool without it',
  ],
  [
    'sql_select_limit',
    // A small limit may even cut itself off the list of variables.
    (value) => Number(value) < ALL_ROWS,
    'a sql_select_limit, so the server leaves out records that the mysql store asks for: give it a pool without one',
  ],
  [
    'completion_type',
    (value) => value === 'CHAIN' || value === 'RELEASE',
    'a completion_type other than NO_CHAIN, so after a COMMIT they are in another transaction, which nobody commits, or closed: ' +
      'give the mysql store a pool that leaves it as it is',
  ],
  // MariaDB's name until 11.1, and MySQL's.
  ['tx_isolation', DIRTY, WHY_DIRTY],
  ['transaction_isolation', DIRTY, WHY_DIRTY],
  [
    'sql_safe_updates',
    (value) => value === 'ON',
    'sql_safe_updates switched on, so the server refuses to settle the outbox of the mysql store: give it a pool whose connections have it off',
  ],
]

/** Of the server, of InnoDB and of the session. A user with enough privileges writes on a replica all the same. */
export const READ_ONLY_VARIABLES: readonly string[] = [
  ...['read_only', 'super_read_only', 'innodb_read_only', 'tx_read_only', 'transaction_read_only'],
]

/** Returns why nothing should be claimed with these variables, though what only reads works. */
export function readOnlyBy(variables: ReadonlyMap<string, string>): string | undefined {
  const name = READ_ONLY_VARIABLES.find((variable) => !['OFF', undefined].includes(variables.get(variable)))
  return (
    name &&
    `the server or the session is read-only (${name}), so nothing should be claimed there: connect to the primary`
  )
}

/** Why a pool cannot be used whose driver answers in another form. */
export const UNREADABLE =
  'rows in another form than the mysql store reads: give it a pool without `rowsAsArray`, `nestTables`, a `typeCast` of your own, and ' +
  'the character set BINARY'

export const DECISIVE_VARIABLES: readonly string[] = [...new Set(UNFIT.map(([variable]) => variable))]

/** Returns why a connection with these variables cannot be used; undefined if it can. */
export function unfitFor(variables: ReadonlyMap<string, string>): string | undefined {
  return UNFIT.find(([variable, isUnfit]) => isUnfit(variables.get(variable) ?? ''))?.[2]
}
