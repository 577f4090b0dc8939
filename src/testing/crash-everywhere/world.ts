import { invalidKind, invalidOption } from '../../core/option-rules.ts'
import { isTransactional, type Store } from '../../core/store.ts'
import type { CrashOptions, CrashWorld } from './contract.ts'
import { createOutside, type Outside } from './outside.ts'
import { type SqliteLike, sqliteTables, type Tables } from './tables.ts'

export interface OpenWorld<S extends Store, Use extends object> extends CrashWorld<S, Use> {
  readonly outside: Outside
  /** Returns the state by which trials are compared. */
  snapshot(): Promise<WorldState>
  close(): Promise<void>
}

/** `tables` where rows can be told apart; `whole` is compared as one value. */
export interface WorldState {
  readonly tables: Tables
  readonly whole: unknown
  /** There is no `snapshot` option, and nothing to compare by default. */
  readonly blind?: boolean
}

/** @throws OnlyonceError OPTION_INVALID if the state of the database cannot be read */
export async function openWorld<Message, S extends Store, Use extends object>(
  options: CrashOptions<Message, S, Use>,
): Promise<OpenWorld<S, Use>> {
  const store = await options.store()
  if (typeof Object(store)[Symbol.asyncDispose] !== 'function')
    throw invalidKind('store', 'must open a store, an empty one for each trial, and answer it', store)
  const use = await used()
  const outside = createOutside()
  const sql = (text: string, ...values: unknown[]) => runAlone(store, text, values)
  const world: CrashWorld<S, Use> = { store, use, sql }

  async function used(): Promise<Use> {
    try {
      return ((await options.use?.(store)) ?? {}) as Use
    } catch (error) {
      await store[Symbol.asyncDispose]().then(undefined, () => {})
      throw error
    }
  }

  async function snapshot(): Promise<WorldState> {
    const happened = prefixed('outside', outside.entries())
    if (options.snapshot !== undefined) {
      const taken = await options.snapshot(world)
      return isTables(taken)
        ? { tables: { ...taken, ...happened }, whole: undefined }
        : { tables: happened, whole: taken }
    }
    const tables: Record<string, Tables[string]> = { ...happened }
    if (isTransactional<object>(store)) {
      Object.assign(tables, await store.transaction(async (tx) => sqliteTables(sqliteOf(tx))))
    }
    for (const [name, value] of Object.entries(use)) {
      if (isSqlite(value)) Object.assign(tables, prefixed(name, sqliteTables(value)))
    }
    // The table of the outbox is there whether the handler uses it or not.
    const ours = Object.hasOwn(tables, 'onlyonce_outbox') ? 'onlyonce_outbox' : 'outbox'
    const blind = Object.entries(tables).every(([name, rows]) => name === ours && rows.length === 0)
    return { tables, whole: undefined, blind }
  }

  async function close(): Promise<void> {
    try {
      await options.close?.(world)
    } finally {
      await store[Symbol.asyncDispose]()
    }
  }

  try {
    await options.setup?.(world)
  } catch (error) {
    await close().catch(() => {})
    throw error
  }
  return { ...world, outside, snapshot, close }
}

/** Runs one statement in its own transaction, on any SQL store. */
async function runAlone(store: Store, text: string, values: readonly unknown[]): Promise<unknown[]> {
  if (!isTransactional<object>(store))
    throw invalidOption('store', 'must be an SQL store for `kit.sql`; hand other connections over by `use`', store.name)
  return store.transaction(async (tx) => {
    if (isSqlite(tx)) {
      const statement = tx.prepare(text)
      if (/^\s*(select|with|pragma)\b|\breturning\b/i.test(text)) return statement.all(...values)
      statement.run(...values)
      return []
    }
    const answer: unknown = await (tx as { query(sql: string, values: readonly unknown[]): Promise<unknown> }).query(
      text,
      values,
    )
    const rows = Array.isArray(answer) ? answer[0] : (answer as { rows?: unknown }).rows
    return Array.isArray(rows) ? rows : []
  })
}

function sqliteOf(tx: object): SqliteLike {
  if (isSqlite(tx)) return tx
  throw snapshotRequired()
}

/** If no state is seen, every trial ends like the clean run, and the report would prove nothing. */
export function checkNotBlind({ blind }: WorldState): void {
  if (blind === true) throw snapshotRequired()
}

function snapshotRequired() {
  return invalidOption(
    'snapshot',
    'is required here: only SQLite is read by itself; answer the rows of each table, such as { orders: [...] }',
    undefined,
  )
}

function isSqlite(value: unknown): value is SqliteLike {
  const { prepare, exec } = Object(value) as { prepare?: unknown; exec?: unknown }
  return typeof prepare === 'function' && typeof exec === 'function'
}

function isTables(taken: unknown): taken is Tables {
  if (typeof taken !== 'object' || taken === null || Array.isArray(taken)) return false
  const tables = Object.values(taken)
  return tables.every((rows) => Array.isArray(rows) && rows.every((row) => typeof row === 'object' && row !== null))
}

function prefixed(name: string, tables: Tables): Tables {
  return Object.fromEntries(Object.entries(tables).map(([table, rows]) => [`${name}: ${table}`, rows]))
}
