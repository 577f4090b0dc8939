import type { PgPool, PostgresStore, PostgresStoreOptions } from '../postgres/index.ts'
import { firstInstalled, owning } from './clients.ts'
import { invalidUrl, optionsIn } from './url.ts'

const OURS = ['schema', 'migrate', 'timeoutMs', 'lockWaitMs', 'prepare', 'listen']
const CONNECT_TIMEOUT_MS = 5_000

interface Pg {
  readonly default: { readonly Pool: new (config: object) => PgPool & { end(): Promise<void> } }
}

/** What is no option of the store's is left in the URL for `pg`: `sslmode`, `application_name`, … */
export async function openPostgres(url: string): Promise<PostgresStore> {
  const theirs = parsed(url)
  const ours = new URLSearchParams()
  for (const name of OURS) {
    const value = theirs.searchParams.get(name)
    if (value !== null) ours.set(name, value)
    theirs.searchParams.delete(name)
  }
  const max = theirs.searchParams.get('max')
  theirs.searchParams.delete('max')
  const options = optionsIn(url, ours, OURS)
  const partitions = partitionsIn(url, theirs)
  const { default: pg } = await firstInstalled<Pg>('postgres:', ['pg'])
  const pool = new pg.Pool({
    connectionString: theirs.href,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    ...(max === null ? {} : { max: Number(max) }),
  })
  // An idle connection that breaks is no failure of anybody's call, and without a listener it would end the process.
  pool.on?.('error', () => {})
  const { postgresStore } = await import('../postgres/index.ts')
  return owning(postgresStore({ ...options, ...partitions, pool } as PostgresStoreOptions), () => pool.end())
}

/** `partitions=MS,KEEP`. What is wrong with the numbers, the store says itself. */
function partitionsIn(url: string, theirs: URL): Pick<PostgresStoreOptions, 'partitions'> {
  const given = theirs.searchParams.get('partitions')
  if (given === null) return {}
  theirs.searchParams.delete('partitions')
  const [, everyMs, keep] = /^(\d{1,15}),(\d{1,15})$/.exec(given) ?? []
  if (everyMs === undefined) throw invalidUrl(url, 'write `partitions=MS,KEEP`, such as `partitions=3600000,24`')
  return { partitions: { everyMs: Number(everyMs), keep: Number(keep) } }
}

function parsed(url: string): URL {
  try {
    return new URL(url)
  } catch {
    throw invalidUrl(url, 'write `postgres://user:password@host:5432/database`')
  }
}
