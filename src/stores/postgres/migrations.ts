import { type Migration, recorded } from '../sql/schema.ts'

/**
 * Every change of the schema, oldest first; a published one is never edited.
 *
 * Version 1: ids are `uuid`, 16 bytes that a driver sends as they are. Times are whole microseconds of the server's
 * clock. Columns of fixed width come first, so that alignment wastes no bytes; possibly large ones come last. Pages are
 * filled to 70 %, so that the update which settles a claim soon after finds room on the same page. No index has a
 * column that settling changes, so settling writes to no index (HOT); that is what `sweep_after` is for, see
 * `sql/record.ts`.
 */
export function postgresMigrations(schema = 'onlyonce'): readonly Migration[] {
  const table = (name: string) => `"${schema}".${name}`
  const changes: readonly Migration[] = [
    {
      version: 1,
      name: 'operations, outbox and waiters',
      statements: [
        `CREATE SCHEMA IF NOT EXISTS "${schema}"`,
        `CREATE TABLE ${table('migrations')} (
  version    integer PRIMARY KEY,
  name       text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
)`,
        `CREATE TABLE ${table('operations')} (
  id           uuid PRIMARY KEY,
  fence        bigint NOT NULL,
  lease_until  bigint NOT NULL,
  retain_until bigint NOT NULL,
  sweep_after  bigint NOT NULL,
  created_at   bigint NOT NULL,
  attempt      integer NOT NULL,
  starts       integer NOT NULL,
  step_count   integer NOT NULL DEFAULT 0,
  format       smallint NOT NULL,
  state        smallint NOT NULL,
  result_kind  smallint,
  fingerprint  text COLLATE "C" NOT NULL,
  owner        text COLLATE "C" NOT NULL,
  scope        text COLLATE "C",
  key          text COLLATE "C",
  result_body  bytea,
  steps        text
) WITH (fillfactor = 70)`,
        `CREATE INDEX operations_sweep ON ${table('operations')} (sweep_after)`,
        `CREATE TABLE ${table('fence_floor')} (
  one   boolean PRIMARY KEY DEFAULT true CHECK (one),
  fence bigint NOT NULL
)`,
        `INSERT INTO ${table('fence_floor')} (fence) VALUES (0)`,
        `CREATE UNLOGGED TABLE ${table('waiters')} (
  id     uuid NOT NULL,
  waiter text NOT NULL,
  until  bigint NOT NULL,
  PRIMARY KEY (id, waiter)
)`,
        `CREATE TABLE ${table('outbox')} (
  position      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  created_at    bigint NOT NULL,
  failures      integer NOT NULL DEFAULT 0,
  id            text COLLATE "C" NOT NULL UNIQUE,
  topic         text NOT NULL,
  ordering_key  text,
  last_reason   text,
  parked_reason text,
  headers       text NOT NULL,
  body          bytea NOT NULL
)`,
        `CREATE INDEX outbox_waiting ON ${table('outbox')} (position) WHERE parked_reason IS NULL`,
        `CREATE INDEX outbox_parked ON ${table('outbox')} (position) WHERE parked_reason IS NOT NULL`,
        `CREATE TABLE ${table('relay')} (
  one    boolean PRIMARY KEY DEFAULT true CHECK (one),
  holder text NOT NULL,
  until  bigint NOT NULL
)`,
        // For people and reports; its columns are public. Expired records are left out. NULL retained_until: for ever.
        `CREATE VIEW ${viewOf(table)}`,
      ],
    },
  ]
  return recorded(
    changes,
    ({ version, name }) => `INSERT INTO ${table('migrations')} (version, name) VALUES (${version}, '${name}')`,
  )
}

/** The text after `CREATE VIEW`; `table` returns the full name of a table. */
export const viewOf = (table: (name: string) => string): string => `${table('v_operations')} AS
SELECT replace(id::text, '-', '') AS id, scope, key,
  CASE
    WHEN result_kind = 3 THEN 'unknown'
    WHEN state = 1 AND lease_until <= now THEN 'abandoned'
    ELSE (ARRAY['idle', 'running', 'done'])[state + 1]
  END AS state,
  attempt, starts, fence, fingerprint, (ARRAY['value', 'error', 'unstorable', 'unknown'])[result_kind + 1] AS result_kind,
  to_timestamp(created_at / 1000000.0) AS created_at,
  to_timestamp(lease_until / 1000000.0) AS lease_until,
  CASE WHEN retain_until < 8640000000000000000 THEN to_timestamp(retain_until / 1000000.0) END AS retained_until
FROM ${table('operations')}, (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now) clock
WHERE retain_until > now OR lease_until > now`

/** The columns a schema of the latest version must have; `check` reports the missing ones. */
const EXPECTED_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  migrations: ['version', 'name', 'applied_at'],
  operations: [
    ...['id', 'fence', 'lease_until', 'retain_until', 'sweep_after', 'created_at', 'attempt', 'starts', 'step_count'],
    ...['format', 'state', 'result_kind', 'fingerprint', 'owner', 'scope', 'key', 'result_body', 'steps'],
  ],
  fence_floor: ['one', 'fence'],
  waiters: ['id', 'waiter', 'until'],
  outbox: [
    ...['position', 'created_at', 'failures', 'id', 'topic', 'ordering_key', 'last_reason', 'parked_reason'],
    ...['headers', 'body'],
  ],
  relay: ['one', 'holder', 'until'],
  v_operations: ['id', 'scope', 'key', 'state', 'attempt', 'starts', 'fence', 'retained_until'],
}

const EXPECTED_INDEXES = ['operations_sweep', 'outbox_waiting', 'outbox_parked'] as const

export function expectedColumns(isPartitioned: boolean): Readonly<Record<string, readonly string[]>> {
  if (!isPartitioned) return EXPECTED_COLUMNS
  const { operations = [] } = EXPECTED_COLUMNS
  return { ...EXPECTED_COLUMNS, operations: [...operations, 'part'], partitions: ['part', 'began_at'] }
}

/** Partitions have a primary key each, the partitioned table has none. */
export const expectedIndexes = (isPartitioned: boolean): readonly string[] =>
  isPartitioned ? EXPECTED_INDEXES : ['operations_pkey', ...EXPECTED_INDEXES]
