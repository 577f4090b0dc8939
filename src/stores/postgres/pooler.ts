import type { PgClient } from './client.ts'

/**
 * Whether the connection ends at a pooler, which told a process id of its own making. Whether that keeps the connection
 * of the server for us, nobody can ask. A client that does not know the process id, as `pg.native`, counts as direct.
 */
export async function isBehindPooler(client: PgClient): Promise<boolean> {
  const { processID } = client as { processID?: unknown }
  if (typeof processID !== 'number') return false
  const { rows } = await client.query('SELECT pg_backend_pid() AS pid')
  return Number(rows[0]?.pid) !== processID
}
