/** A message whose id is already in the table is ignored: the first one stays. */
export const APPEND = `
INSERT INTO onlyonce_outbox (id, topic, body, headers, ordering_key, created_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING`

/** Takes the single relay lease if it is free, ours or expired. No row changed: another relay holds it. */
export const TAKE_RELAY = `
INSERT INTO onlyonce_meta (name, text, number) VALUES ('relay', ?, ?)
ON CONFLICT (name) DO UPDATE SET text = excluded.text, number = excluded.number
WHERE text = excluded.text OR number <= ?`

export const LEAVE_RELAY = "DELETE FROM onlyonce_meta WHERE name = 'relay' AND text = ?"

/** By position, which grows in commit order because there is one writer. Parked entries are skipped. */
export const WAITING = `
SELECT position, id, topic, body, headers, ordering_key, failures FROM onlyonce_outbox
WHERE parked_reason IS NULL AND position NOT IN (SELECT value FROM json_each(?)) ORDER BY position LIMIT ?`

export const PUBLISHED = 'DELETE FROM onlyonce_outbox WHERE position = ?'

export const FAILED = `
UPDATE onlyonce_outbox SET failures = max(failures, ?), last_reason = ? WHERE position = ? AND parked_reason IS NULL`

export const PARKED = `
UPDATE onlyonce_outbox SET failures = max(failures, ?), last_reason = ?, parked_reason = ?
WHERE position = ? AND parked_reason IS NULL`

/** Two counts along indexes, so that no message body is read. */
export const STATS = `
SELECT (SELECT count(*) FROM onlyonce_outbox) AS total,
  (SELECT count(*) FROM onlyonce_outbox WHERE parked_reason IS NOT NULL) AS parked,
  (SELECT created_at FROM onlyonce_outbox WHERE parked_reason IS NULL ORDER BY position LIMIT 1) AS oldest`

export const PARKED_ENTRIES = `
SELECT position, id, topic, body, headers, ordering_key, failures, parked_reason AS reason, created_at FROM onlyonce_outbox
WHERE parked_reason IS NOT NULL AND position > ? ORDER BY position LIMIT ?`

export const UNPARK = `
UPDATE onlyonce_outbox SET parked_reason = NULL, failures = 0 WHERE position = ? AND parked_reason IS NOT NULL`

export const DISCARD = 'DELETE FROM onlyonce_outbox WHERE position = ? AND parked_reason IS NOT NULL'
