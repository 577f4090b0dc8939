// What people write by hand: an insert that claims and an update that completes, prepared, each its own transaction.
import { randomBytes } from 'node:crypto'
import { resultJson } from '../../workload.mjs'

export const CONNECTIONS = 10

const TABLES = [
  `CREATE TABLE IF NOT EXISTS hand (id binary(16) PRIMARY KEY, owner binary(16) NOT NULL, state tinyint NOT NULL,
    lease_until datetime(6) NOT NULL, result blob)`,
  'CREATE TABLE IF NOT EXISTS effects (id binary(16) PRIMARY KEY, body text NOT NULL)',
]
const CLAIM = 'INSERT IGNORE INTO hand VALUES (?, ?, 1, sysdate(6) + INTERVAL 30 SECOND, NULL)'
const COMPLETE = 'UPDATE hand SET state = 2, result = ? WHERE id = ? AND owner = ?'
/** The caller's own statement, the same on every side. */
export const INSERT_EFFECT = 'INSERT INTO effects VALUES (?, ?)'
const result = Buffer.from(resultJson)

/** @param {import('mysql2/promise').Pool} pool */
export async function mysqlByHand(pool) {
  for (const table of TABLES) await pool.query(table)
  return {
    async claimAndComplete() {
      const id = randomBytes(16)
      const owner = randomBytes(16)
      await pool.execute(CLAIM, [id, owner])
      await pool.execute(COMPLETE, [result, id, owner])
    },
    async transaction() {
      const connection = await pool.getConnection()
      try {
        await connection.query('BEGIN')
        await connection.query(INSERT_EFFECT, [randomBytes(16), resultJson])
        await connection.query('COMMIT')
      } finally {
        connection.release()
      }
    },
    /** @param {number} count */
    async claims(count) {
      const rows = Array.from({ length: count }, () => [randomBytes(16), randomBytes(16), 1, new Date(), null])
      await pool.query('INSERT IGNORE INTO hand VALUES ?', [rows])
    },
  }
}
