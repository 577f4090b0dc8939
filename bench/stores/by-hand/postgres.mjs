// What people write by hand: an insert that claims and an update that completes, prepared, each its own transaction.
import { randomUUID } from 'node:crypto'
import { newKey, resultJson } from '../../workload.mjs'
import { gather } from './gather.mjs'

/** On every side. With more connections, two processors do less. */
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
/** The same for many at once, in the order of their ids. Arrays are sent as text, which costs the driver least. */
const CLAIMS = {
  name: 'hand_claims',
  text: `WITH asked AS (SELECT * FROM unnest($1::text::uuid[], $2::text::uuid[]) AS a (id, owner))
    INSERT INTO hand (id, owner, state, lease_until)
    SELECT id, owner, 1, clock_timestamp() + interval '30 s' FROM asked ORDER BY id ON CONFLICT (id) DO NOTHING RETURNING id`,
}
const COMPLETIONS = {
  name: 'hand_completions',
  text: `UPDATE hand h SET state = 2, result = decode(a.result, 'escape')
    FROM unnest($1::text::uuid[], $2::text::uuid[], $3::text[]) AS a (id, owner, result)
    WHERE h.id = a.id AND h.owner = a.owner RETURNING h.id`,
}
/** The key inserted in the caller's own statement. */
const BESIDE = {
  name: 'hand_beside',
  text: `WITH claimed AS (
      INSERT INTO hand (id, owner, state, lease_until, result) VALUES ($1, $1, 2, clock_timestamp(), $3)
      ON CONFLICT (id) DO NOTHING RETURNING id)
    INSERT INTO effects SELECT id, $2 FROM claimed`,
}
/** The caller's own statement, not prepared, the same on every side. */
export const INSERT_EFFECT = 'INSERT INTO effects VALUES ($1, $2)'
const result = Buffer.from(resultJson)
/** The result as an array element. */
const QUOTED = JSON.stringify(resultJson)
/** More concurrent calls hardly help with a single server process and a single client. */
const SIDE_BY_SIDE = 2

/** @param {import('pg').Pool} pool */
export async function postgresByHand(pool) {
  // The sides of a contest begin at once, and concurrent CREATE TABLEs collide. One simple query is one transaction.
  await pool.query(`SELECT pg_advisory_xact_lock(1); ${TABLES}`)
  /** @param {{ name: string, text: string }} statement @param {unknown[]} values */
  async function changesOne(statement, values) {
    const { rowCount } = await pool.query({ ...statement, values })
    if (rowCount !== 1) throw new Error(`${statement.name} changed ${rowCount} rows`)
  }
  /** @param {{ name: string, text: string }} statement */
  const changesAll = (statement) => async (/** @type {readonly (readonly string[])[]} */ requests) => {
    const columns = /** @type {readonly string[]} */ (requests[0]).map((_, column) =>
      requests.map((one) => one[column]),
    )
    const { rows } = await pool.query({ ...statement, values: columns.map((texts) => `{${texts.join()}}`) })
    if (rows.length !== requests.length)
      throw new Error(`${statement.name} changed ${rows.length} of ${requests.length}`)
    return requests.map(() => undefined)
  }
  const claims = gather(changesAll(CLAIMS), SIDE_BY_SIDE)
  const completions = gather(changesAll(COMPLETIONS), SIDE_BY_SIDE)
  return {
    async gathered() {
      const id = newKey()
      const owner = randomUUID()
      await claims([id, owner])
      await completions([id, owner, QUOTED])
    },
    /** The business row and the key in one statement. */
    async beside() {
      await changesOne(BESIDE, [newKey(), resultJson, result])
    },
    async claimAndComplete() {
      const id = newKey()
      const owner = randomUUID()
      await changesOne(CLAIM, [id, owner])
      await changesOne(COMPLETE, [id, owner, result])
    },
    /** The business transaction, with or without the key. @param {boolean} withKey */
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
