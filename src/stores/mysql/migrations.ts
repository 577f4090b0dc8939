import { type Migration, recorded } from '../sql/schema.ts'
import { namesIn, SERVER_CLOCK } from './sql/names.ts'

/**
 * Every change of the schema, oldest first; a published one is never edited. MySQL commits before and after each DDL
 * statement, so each statement is repeatable: a migration that broke off is finished by the next attempt.
 *
 * Version 1: text is stored as bytes, so that no collation, character set or padding affects equality. Times are whole
 * microseconds of the server's clock. Settling changes no index, unless retention ends far from its expected end.
 */
export function mysqlMigrations(database: string): readonly Migration[] {
  const { operations, floor, outbox, relay, migrations, view } = namesIn(database)
  const table = (name: string, columns: string) =>
    `CREATE TABLE IF NOT EXISTS ${name} (\n${columns}\n) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARSET = utf8mb4`
  const utc = (column: string) => `TIMESTAMPADD(MICROSECOND, ${column}, TIMESTAMP '1970-01-01 00:00:00')`
  const readable = (column: string) => `CONVERT(${column} USING utf8mb4)`
  const changes: readonly Migration[] = [
    {
      version: 1,
      name: 'operations and outbox',
      statements: [
        table(
          migrations,
          `  version    INT NOT NULL PRIMARY KEY,
  name       VARCHAR(200) NOT NULL,
  applied_at DATETIME(6) NOT NULL`,
        ),
        table(
          operations,
          `  id            BINARY(16) NOT NULL PRIMARY KEY,
  fence         BIGINT NOT NULL,
  lease_until   BIGINT NOT NULL,
  retain_until  BIGINT NOT NULL,
  sweep_after   BIGINT NOT NULL,
  created_at    BIGINT NOT NULL,
  attempt       INT NOT NULL,
  starts        INT NOT NULL,
  step_count    INT NOT NULL DEFAULT 0,
  format        TINYINT NOT NULL,
  state         TINYINT NOT NULL,
  result_kind   TINYINT,
  fingerprint   VARBINARY(2048) NOT NULL,
  owner         VARBINARY(2048) NOT NULL,
  scope         VARBINARY(2048),
  operation_key MEDIUMBLOB,
  result_body   LONGBLOB,
  steps         LONGBLOB,
  KEY onlyonce_sweep (sweep_after)`,
        ),
        table(floor, '  one   TINYINT NOT NULL PRIMARY KEY,\n  fence BIGINT NOT NULL'),
        `INSERT IGNORE INTO ${floor} (one, fence) VALUES (1, 0)`,
        table(
          outbox,
          `  position     BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  created_at   BIGINT NOT NULL,
  failures     INT NOT NULL DEFAULT 0,
  parked       TINYINT NOT NULL DEFAULT 0,
  id           VARBINARY(2048) NOT NULL,
  topic        VARBINARY(4096) NOT NULL,
  ordering_key BLOB,
  last_reason  MEDIUMBLOB,
  headers      MEDIUMBLOB NOT NULL,
  body         LONGBLOB NOT NULL,
  UNIQUE KEY onlyonce_id (id),
  KEY onlyonce_waiting (parked, position)`,
        ),
        table(
          relay,
          '  one    TINYINT NOT NULL PRIMARY KEY,\n  holder VARBINARY(2048) NOT NULL,\n  until  BIGINT NOT NULL',
        ),
        `INSERT IGNORE INTO ${relay} (one, holder, until) VALUES (1, '', 0)`,
        // For people and reports; its columns are public. No row: retention is over. NULL retained_until: for ever.
        `CREATE OR REPLACE SQL SECURITY INVOKER VIEW ${view} AS
SELECT LOWER(HEX(id)) AS id, ${readable('scope')} AS scope, ${readable('operation_key')} AS \`key\`,
  CASE
    WHEN result_kind = 3 THEN 'unknown'
    WHEN state = 1 AND lease_until <= ${SERVER_CLOCK} THEN 'abandoned'
    ELSE ELT(state + 1, 'idle', 'running', 'done')
  END AS state,
  attempt, starts, fence, ${readable('fingerprint')} AS fingerprint,
  ELT(result_kind + 1, 'value', 'error', 'unstorable', 'unknown') AS result_kind,
  ${utc('created_at')} AS created_at, ${utc('lease_until')} AS lease_until,
  CASE WHEN retain_until < 8640000000000000000 THEN ${utc('retain_until')} END AS retained_until
FROM ${operations}
WHERE format <> 0 AND (retain_until > ${SERVER_CLOCK} OR lease_until > ${SERVER_CLOCK})`,
      ],
    },
  ]
  return recorded(
    changes,
    ({ version, name }) =>
      `INSERT IGNORE INTO ${migrations} (version, name, applied_at) VALUES (${version}, '${name}', UTC_TIMESTAMP(6))`,
  )
}

/** What a schema of the latest version must have; `check` reports what is missing. */
export const EXPECTED_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  onlyonce_migrations: ['version', 'name', 'applied_at'],
  onlyonce_operations: [
    ...['id', 'fence', 'lease_until', 'retain_until', 'sweep_after', 'created_at', 'attempt', 'starts', 'step_count'],
    ...['format', 'state', 'result_kind', 'fingerprint', 'owner', 'scope', 'operation_key', 'result_body', 'steps'],
  ],
  onlyonce_fence_floor: ['one', 'fence'],
  onlyonce_outbox: [
    ...[
      'position',
      'created_at',
      'failures',
      'parked',
      'id',
      'topic',
      'ordering_key',
      'last_reason',
      'headers',
      'body',
    ],
  ],
  onlyonce_relay: ['one', 'holder', 'until'],
  onlyonce_v_operations: ['id', 'scope', 'key', 'state', 'attempt', 'starts', 'fence', 'retained_until'],
}

export const EXPECTED_INDEXES = [
  'onlyonce_operations.PRIMARY',
  'onlyonce_operations.onlyonce_sweep',
  'onlyonce_outbox.onlyonce_id',
  'onlyonce_outbox.onlyonce_waiting',
] as const
