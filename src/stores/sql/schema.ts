import { OnlyonceError } from '../../core/errors.ts'

/** One change of the schema, as statements to run in order; a published one is never edited. Versions begin with 1. */
export interface Migration {
  readonly version: number
  readonly name: string
  readonly statements: readonly string[]
}

/** What `migrate` did, or would do. Without statements there is nothing to do. */
export interface MigrationPlan {
  /** 0: there are no tables yet. */
  readonly from: number
  readonly to: number
  /** The statements that were executed, or would be with `dryRun`. */
  readonly statements: readonly string[]
}

/** What `check` found: the schema's version (0: no tables), and the one this onlyonce expects. */
export interface SchemaReport {
  readonly version: number
  readonly expected: number
  readonly ok: boolean
  /** What is missing, in words. Empty when `ok`. */
  readonly problems: readonly string[]
  /** Options of the store, or settings of the server, do not fit the tables: no migration and no backup helps. */
  readonly unfit?: true
}

/** How many records `sweep` would remove, and for how long the oldest of them has been over; 0 where there is none. */
export interface Overdue {
  readonly count: number
  /** Time since the end of retention of the oldest of them. */
  readonly oldestMs: number
}

export interface SchemaVerbs {
  /** Every change of the schema, oldest first; a published one is never edited. */
  readonly migrations: readonly Migration[]
  /**
   * Brings the tables up to date, whatever the option `migrate` is. With `dryRun` it only returns the plan.
   * Safe to run in several processes at once, and repeatedly.
   */
  migrate(options?: { readonly dryRun?: boolean }): Promise<MigrationPlan>
  /** Compares the tables with what this onlyonce expects; changes nothing and creates nothing. */
  check(): Promise<SchemaReport>
  /** Counts the records that are past their retention and not swept yet, which every other verb hides. */
  overdue(): Promise<Overdue>
}

/** Adds to each migration the statement that records its version, so that another tool that runs it records it too. */
export function recorded(migrations: readonly Migration[], record: (one: Migration) => string): readonly Migration[] {
  return migrations.map((one) => ({ ...one, statements: [...one.statements, record(one)] }))
}

export function latestVersion(migrations: readonly Migration[]): number {
  return Math.max(...migrations.map(({ version }) => version))
}

/** Returns the statements that bring a database of version `from` up to date. */
export function planMigration(migrations: readonly Migration[], from: number): MigrationPlan {
  const missing = migrations.filter(({ version }) => version > from)
  return {
    from,
    to: Math.max(from, latestVersion(migrations)),
    statements: missing.flatMap(({ statements }) => statements),
  }
}

/** @throws OnlyonceError STORE_UNAVAILABLE naming `command`, when the version is not the one this code was written for */
export function requireVersion(version: number, latest: number, store: string, command: string): void {
  if (version === latest) return
  const [what, remedy] =
    version > latest
      ? [`has schema version ${version}, newer than the ${latest} of this onlyonce`, 'upgrade onlyonce here']
      : version === 0
        ? ['has no onlyonce tables', command]
        : [`has schema version ${version}, older than the ${latest} of this onlyonce`, command]
  throw new OnlyonceError('STORE_UNAVAILABLE', `${store} ${what}: ${remedy}`)
}
