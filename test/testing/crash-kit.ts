import { type SqliteStore, sqliteStore } from '../../src/stores/sqlite/index.ts'
import { type CrashHandler, type CrashOptions, crashEverywhere } from '../../src/testing/index.ts'

export type Tools = Record<string, never>

/** A handler of one number on an empty SQLite table `rows (n)`. */
export function explore<Answer = unknown>(
  handler: (n: number, kit: Parameters<CrashHandler<number, SqliteStore, Tools>>[1]) => Answer,
  options: Partial<CrashOptions<number, SqliteStore, Tools>> = {},
) {
  return crashEverywhere<number, SqliteStore, Tools>(handler, {
    store: () => sqliteStore({ path: ':memory:' }),
    setup: ({ sql }) => sql('CREATE TABLE rows (n INTEGER NOT NULL, at TEXT, UNIQUE (n))'),
    message: 1,
    ...options,
  })
}

export const INSERT = 'INSERT INTO rows (n) VALUES (?) ON CONFLICT DO NOTHING'
