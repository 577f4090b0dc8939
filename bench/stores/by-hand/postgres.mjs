// What one writes by hand: an insert that claims and an update that completes, prepared, each its own transaction.
import { randomUUID } from 'node:crypto'
import { newKey, resultJson } from '../../workload.mjs'

/** On every side. With more, two processors do less. */
export const CONNECTIONS = 10

const TABLES = `
CREATE TABLE IF NOT EXISTS hand (id uuid PRIMARY KEY, owner uuid NOT NULL, state smallint NOT NULL,
  lease_until timestamptz NOT NULL, result bytea);
CREATE TABLE IF NOT EXISTS effects (id uuid PRIMARY KEY, body text NOT NULL)`

const CLAIM = {
  name: 'hand_claim',
  text: `INSERT INTO hand (id, owner, state, lease_until) VALUES ($1, $2, 1, clock_timestamp() + interval '30 s')
    ON CONFLICT (id) DO NOTHING`,
}
const COMPLETE = { name: 'hand_complete', text: 'UPDATE hand SET state = 2, result = $3 WHERE id = $1 AND owner = $2' }
/** The caller's own statement, not prepared: the same on every side. */
export const INSERT_EFFECT = 'INSERT INTO effects VALUES ($1, $2)'
const result = Buffer.from(resultJson)

/** @param {import('pg').Pool} pool */
export async function postgresByHand(pool) {
  // The sides of a contest begin at once, and two that create one table at once collide. One simple query is one transaction.
  await pool.query(`SELECT pg_advisory_xact_lock(1); ${TABLES}`)
  /** @param {{ name: string, text: string }} statement @param {unknown[]} values */
  async function changesOne(statement, values) {
    const { rowCount } = await pool.query({ ...statement, values })
    if (rowCount !== 1) throw new Error(`${statement.name} changed ${rowCount} rows`)
  }
  return {
    async claimAndComplete() {
      const id = newKey()
      const owner = randomUUID()
      await changesOne(CLAIM, [id, owner])
      await changesOne(COMPLETE, [id, owner, result])
    },
    /** The business transaction, with the key beside it or without. @param {boolean} withKey */
    async transaction(withKey) {
      const client = await pool.connect()
      try {
        await client.query('BEGIN')
        const id = newKey()
        if (withKey) await client.query({ ...CLAIM, values: [id, id] })
        await client.query(INSERT_EFFECT, [id, resultJson])
        await client.query('COMMIT')
      } finally {
        client.release()
      }
    },
  }
}
