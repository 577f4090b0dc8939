import type { PgPool, PostgresStore, PostgresStoreOptions } from '../postgres/index.ts'
import { firstInstalled, owning } from './clients.ts'
import { nearest } from './near.ts'
import { checkConnections, invalidUrl, optionsIn, parsedUrl } from './url.ts'

const OURS = ['schema', 'migrate', 'timeoutMs', 'lockWaitMs', 'prepare', 'listen', 'max']
const CONNECT_TIMEOUT_MS = 5_000

interface Pg {
  readonly default: { readonly Pool: new (config: object) => PgPool & { end(): Promise<void> } }
}

/** Parameters that are not options of the store stay in the URL for `pg`: `sslmode`, `application_name`, … */
export async function openPostgres(url: string): Promise<PostgresStore> {
  const theirs = parsedUrl(url, 'postgres://user:password@host:5432/database')
  const ours = new URLSearchParams()
  for (const name of OURS) {
    // All of them, as for every other store: of a parameter that is there twice the last one counts.
    for (const value of theirs.searchParams.getAll(name)) ours.append(name, value)
    theirs.searchParams.delete(name)
  }
  const { max, ...options } = optionsIn(url, ours, OURS)
  checkConnections(url, 'max', max)
  const partitions = partitionsIn(url, theirs)
  refuseMistyped(url, theirs)
  const { default: pg } = await firstInstalled<Pg>('postgres:', ['pg'])
  const pool = new pg.Pool({
    connectionString: theirs.href,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    ...(max === undefined ? {} : { max }),
  })
  // An idle connection that breaks fails no call, but without a listener its error would end the process.
  pool.on?.('error', () => {})
  const { postgresStore } = await import('../postgres/index.ts')
  return owning(postgresStore({ ...options, ...partitions, pool } as PostgresStoreOptions), () => pool.end())
}

/** `pg` takes whatever it is given and ignores what it does not know, so a mistyped option would silently be the default. */
function refuseMistyped(url: string, theirs: URL): void {
  for (const name of theirs.searchParams.keys()) {
    const meant = nearest(name, [...OURS, 'partitions'])
    if (meant !== undefined) throw invalidUrl(url, `\`${name}\` is not a parameter; did you mean \`${meant}\`?`)
  }
}

/** Parses `partitions=MS,KEEP`. The store checks the numbers itself. */
function partitionsIn(url: string, theirs: URL): Pick<PostgresStoreOptions, 'partitions'> {
  const given = theirs.searchParams.getAll('partitions').at(-1)
  if (given === undefined) return {}
  theirs.searchParams.delete('partitions')
  const [, everyMs, keep] = /^(\d{1,15}),(\d{1,15})$/.exec(given) ?? []
  if (everyMs === undefined) throw invalidUrl(url, 'write `partitions=MS,KEEP`, such as `partitions=3600000,24`')
  return { partitions: { everyMs: Number(everyMs), keep: Number(keep) } }
}
