import pg from 'pg'
import { executorCases } from './cases.ts'
import { onPostgres } from './on-postgres.ts'

// The connection passes as it is.
executorCases(onPostgres, async ({ url, place }) => {
  const pool = new pg.Pool({ connectionString: url })
  return {
    async transaction(work) {
      const client = await pool.connect()
      const insert = (key: string) => client.query(`INSERT INTO "${place}".effects VALUES ($1)`, [key])
      try {
        await client.query('BEGIN')
        const value = await work({ executor: () => client, insert })
        await client.query('COMMIT')
        return value
      } catch (error) {
        await client.query('ROLLBACK')
        throw error
      } finally {
        client.release()
      }
    },
    outside: () => pool,
    close: () => pool.end(),
  }
})
