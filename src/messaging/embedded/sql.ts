const COLUMNS = `queue TEXT NOT NULL,
      state TEXT NOT NULL,
      visible_at REAL NOT NULL,
      ordering_key TEXT,
      receipt TEXT,
      deliveries INTEGER NOT NULL,
      id TEXT NOT NULL,
      topic TEXT NOT NULL,
      headers TEXT NOT NULL,
      created_at REAL NOT NULL,
      dead_at REAL,
      dead_reason TEXT,
      body BLOB NOT NULL`

const INDEXES = [
  'CREATE INDEX onlyonce_queue_state ON onlyonce_queue (queue, state, position)',
  "CREATE INDEX onlyonce_queue_due ON onlyonce_queue (queue, visible_at) WHERE state = 'out'",
  `CREATE INDEX onlyonce_queue_order ON onlyonce_queue (queue, ordering_key, position)
   WHERE ordering_key IS NOT NULL AND state <> 'dead'`,
]

/**
 * One row is one message in one queue. `state` is
 * - `ready`: may be received
 * - `behind`: an earlier message of its ordering key is not done; only the first of a key is `ready` or `out`
 * - `out`: received, or put off, until `visible_at`
 * - `dead`: put aside with a reason
 * A receipt is valid until the message is settled, put off or received again, even after `visible_at`.
 *
 * Placeholders are bare `?`: better-sqlite3 takes `?1` for a name.
 */
export const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE onlyonce_queue (
      position INTEGER PRIMARY KEY,
      ${COLUMNS}
    )`,
    ...INDEXES,
  ],
  // Without AUTOINCREMENT the position of a message that is gone is given out again, and a dead letter was taken for
  // another one that had been listed under its number.
  [
    `CREATE TABLE onlyonce_queue_2 (
      position INTEGER PRIMARY KEY AUTOINCREMENT,
      ${COLUMNS}
    )`,
    'INSERT INTO onlyonce_queue_2 SELECT * FROM onlyonce_queue',
    'DROP TABLE onlyonce_queue',
    'ALTER TABLE onlyonce_queue_2 RENAME TO onlyonce_queue',
    ...INDEXES,
  ],
]

export const CREATE_META =
  'CREATE TABLE IF NOT EXISTS onlyonce_queue_meta (name TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID'
export const READ_VERSION = "SELECT number FROM onlyonce_queue_meta WHERE name = 'schema_version'"
export const WRITE_VERSION = `INSERT INTO onlyonce_queue_meta (name, number) VALUES ('schema_version', ?)
ON CONFLICT (name) DO UPDATE SET number = excluded.number`

export const PUBLISH = `INSERT INTO onlyonce_queue
  (queue, state, visible_at, ordering_key, deliveries, id, topic, headers, created_at, body)
VALUES (?, 'ready', 0, NULL, ?, ?, ?, ?, ?, ?)`

/** Parameters begin with the queue twice and the ordering key twice. */
export const PUBLISH_IN_ORDER = `INSERT INTO onlyonce_queue
  (queue, state, visible_at, ordering_key, deliveries, id, topic, headers, created_at, body)
SELECT ?, iif(EXISTS (SELECT 1 FROM onlyonce_queue
    WHERE queue = ? AND ordering_key = ? AND state <> 'dead'), 'behind', 'ready'), 0, ?, ?, ?, ?, ?, ?, ?`

/** Whether `receive` would return anything. Takes the queue twice. */
export const ANY_DUE = `SELECT 1 FROM onlyonce_queue WHERE queue = ? AND state = 'ready'
UNION ALL SELECT 1 FROM onlyonce_queue WHERE queue = ? AND state = 'out' AND visible_at <= ? LIMIT 1`

export const MAKE_DUE =
  "UPDATE onlyonce_queue SET state = 'ready' WHERE queue = ? AND state = 'out' AND visible_at <= ?"

export const RECEIVE = `UPDATE onlyonce_queue SET state = 'out', visible_at = ?, receipt = ?, deliveries = deliveries + 1
WHERE position IN (SELECT position FROM onlyonce_queue WHERE queue = ? AND state = 'ready' ORDER BY position LIMIT ?)
RETURNING position, id, topic, headers, body, ordering_key, deliveries, created_at`

const HELD = "position = ? AND receipt = ? AND state IN ('out', 'ready')"

export const ACK = `DELETE FROM onlyonce_queue WHERE ${HELD} RETURNING queue, ordering_key`
export const PUT_OFF = `UPDATE onlyonce_queue SET state = 'out', visible_at = ?, receipt = NULL WHERE ${HELD}`
export const EXTEND = `UPDATE onlyonce_queue SET state = 'out', visible_at = ? WHERE ${HELD}`
export const BURY = `UPDATE onlyonce_queue SET state = 'dead', dead_at = ?, dead_reason = ?, receipt = NULL,
  headers = json_patch(headers, ?)
WHERE ${HELD} RETURNING queue, ordering_key`

/** Needs no receipt. Leaves the headers as they are: they may be what cannot be read. */
export const BURY_UNREADABLE = `UPDATE onlyonce_queue SET state = 'dead', dead_at = ?, dead_reason = ?, receipt = NULL
WHERE position = ? RETURNING queue, ordering_key`

/** Makes the next message of an ordering key receivable, once the one before it is gone. */
export const LET_NEXT = `UPDATE onlyonce_queue SET state = 'ready'
WHERE state = 'behind' AND position = (SELECT min(position) FROM onlyonce_queue
  WHERE queue = ? AND ordering_key = ? AND state <> 'dead')`

export const DEAD = `SELECT position, id, topic, headers, body, ordering_key, deliveries, dead_at, dead_reason
FROM onlyonce_queue WHERE queue = ? AND state = 'dead' AND position > ? ORDER BY position LIMIT ?`

export const ONE_DEAD = `SELECT position, id, topic, headers, body, ordering_key, deliveries, created_at
FROM onlyonce_queue WHERE queue = ? AND state = 'dead' AND position = ?`
export const DISCARD = "DELETE FROM onlyonce_queue WHERE queue = ? AND state = 'dead' AND position = ?"
export const DEAD_POSITIONS =
  "SELECT position FROM onlyonce_queue WHERE queue = ? AND state = 'dead' ORDER BY position LIMIT ?"

export const STATS = 'SELECT queue, state, count(*) AS number FROM onlyonce_queue GROUP BY queue, state'
