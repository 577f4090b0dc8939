import { type Migration, recorded } from '../sql/schema.ts'

/**
 * Every change of the schema, oldest first; a published one is never edited.
 *
 * Version 1: STRICT, so that a value of another type is refused where it is written. Ordinary tables with a row id,
 * because result bodies make rows that are too large for a WITHOUT ROWID tree. Ids are text and compared as bytes.
 * Times are milliseconds of the host's clock and may have a fraction.
 * A column that may be large comes last: SQLite reads a row from its beginning.
 */
const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: 'operations, outbox and meta',
    statements: [
      `CREATE TABLE onlyonce_meta (
  name   TEXT PRIMARY KEY NOT NULL,
  number REAL,
  text   TEXT
) STRICT`,
      `CREATE TABLE onlyonce_operations (
  format       INTEGER NOT NULL,
  id           TEXT PRIMARY KEY NOT NULL,
  scope        TEXT,
  key          TEXT,
  fingerprint  TEXT NOT NULL,
  state        TEXT NOT NULL,
  owner        TEXT NOT NULL,
  fence        INTEGER NOT NULL,
  attempt      INTEGER NOT NULL,
  starts       INTEGER NOT NULL,
  lease_until  REAL NOT NULL,
  retain_until REAL NOT NULL,
  created_at   REAL NOT NULL,
  steps        TEXT,
  result_kind  TEXT,
  result_body  BLOB
) STRICT`,
      'CREATE INDEX onlyonce_operations_retention ON onlyonce_operations (retain_until)',
      "CREATE INDEX onlyonce_operations_running ON onlyonce_operations (id) WHERE state = 'running'",
      "CREATE INDEX onlyonce_operations_unknown ON onlyonce_operations (id) WHERE result_kind = 'unknown'",
      `CREATE TABLE onlyonce_outbox (
  position      INTEGER PRIMARY KEY AUTOINCREMENT,
  id            TEXT NOT NULL UNIQUE,
  topic         TEXT NOT NULL,
  headers       TEXT NOT NULL,
  ordering_key  TEXT,
  failures      INTEGER NOT NULL DEFAULT 0,
  last_reason   TEXT,
  parked_reason TEXT,
  created_at    REAL NOT NULL,
  body          BLOB NOT NULL
) STRICT`,
      `CREATE INDEX onlyonce_outbox_parked ON onlyonce_outbox (position) WHERE parked_reason IS NOT NULL`,
      // For people and reports; its columns are public. No row: retention is over. NULL retained_until: for ever.
      `CREATE VIEW onlyonce_operations_v AS
SELECT id, scope, key,
  CASE
    WHEN result_kind = 'unknown' THEN 'unknown'
    WHEN state = 'running' AND lease_until <= now THEN 'abandoned'
    ELSE state
  END AS state,
  attempt, starts, fence, fingerprint, result_kind,
  strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') AS created_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', lease_until / 1000.0, 'unixepoch') AS lease_until,
  strftime('%Y-%m-%dT%H:%M:%fZ', retain_until / 1000.0, 'unixepoch') AS retained_until
FROM onlyonce_operations, (SELECT (julianday('now') - 2440587.5) * 86400000.0 AS now)
WHERE retain_until > now OR lease_until > now`,
    ],
  },
]

/**
 * Every change of the SQLite schema, oldest first, for a migration tool of yours; a published one is never edited.
 * `store.migrate()` runs those that are missing.
 */
export const sqliteMigrations: readonly Migration[] = recorded(
  MIGRATIONS,
  ({
    version,
    name,
  }) => `INSERT INTO onlyonce_meta (name, number, text) VALUES ('schema_version', ${version}, '${name}')
ON CONFLICT (name) DO UPDATE SET number = excluded.number, text = excluded.text`,
)

/** What a database of the latest version must have; `check` reports what is missing. */
export const EXPECTED_TABLES: Readonly<Record<string, readonly string[]>> = {
  onlyonce_meta: ['name', 'number', 'text'],
  onlyonce_operations: [
    ...['format', 'id', 'scope', 'key', 'fingerprint', 'state', 'owner', 'fence', 'attempt', 'starts'],
    ...['lease_until', 'retain_until', 'created_at', 'steps', 'result_kind', 'result_body'],
  ],
  onlyonce_outbox: [
    ...['position', 'id', 'topic', 'headers', 'ordering_key', 'failures'],
    ...['last_reason', 'parked_reason', 'created_at', 'body'],
  ],
}

export const EXPECTED_OTHERS = {
  index: [
    'onlyonce_operations_retention',
    'onlyonce_operations_running',
    'onlyonce_operations_unknown',
    'onlyonce_outbox_parked',
  ],
  view: ['onlyonce_operations_v'],
} as const
