/**
 * Which folder of `src` may import which, as data. A folder may always import itself; an entry with a slash
 * allows only that part of a folder.
 *
 * core <- embedded <- { stores, executors, guards, http, rpc, client, messaging, outbox, telemetry, testing } <- cli
 */
const middle = [
  'stores',
  'executors',
  'guards',
  'http',
  'rpc',
  'client',
  'messaging',
  'outbox',
  'telemetry',
  'testing',
] as const

export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  'index.ts': ['core'],
  // An SQLite connection that several processes share: the SQLite store and the embedded queue stand on it.
  embedded: ['core'],
  stores: ['core', 'embedded'],
  // What an executor gives fits the transaction of a store by shape, as the caller's own connection does.
  executors: ['core'],
  // What a transaction of the SQLite store looks like.
  guards: ['core', 'embedded'],
  http: ['core'],
  rpc: ['core'],
  client: ['core'],
  messaging: ['core', 'embedded'],
  outbox: ['core'],
  telemetry: ['core'],
  // The simulator drives the unmodified inbox and outbox over the real memory store: a model of them proves nothing.
  testing: ['core', 'http', 'messaging', 'outbox', 'stores/memory'],
  cli: ['core', 'index.ts', ...middle],
}

/** Packages a folder may name. `bundled` ends up inside dist; `optional` only by `await import()`, so nobody has to have it. */
export const MAY_USE_PACKAGE: Readonly<Record<string, { bundled?: readonly string[]; optional?: readonly string[] }>> =
  {
    cli: { bundled: ['commander', 'picocolors'] },
    guards: { optional: ['node-sql-parser'] },
    rpc: { optional: ['@connectrpc/connect', '@bufbuild/protobuf'] },
    embedded: { optional: ['libsql', 'better-sqlite3'] },
    stores: { optional: ['ioredis', 'iovalkey', 'pg', 'mysql2'] },
  }

/** A store imports no other store. The SQL stores share this part; the in-process and Redis stores have no use for it. */
export const SHARED_BY_STORES = ['sql']
/** Opens whichever store a URL names. */
export const OPENS_STORES = 'urls'

/** Folders whose files take time, chance and waiting from `Runtime`, so that a failing run is a seed to replay. */
export const DETERMINISTIC = ['core', 'messaging', 'outbox', 'client', 'rpc', 'http']
/** The files there that read the real clock, or wait for the event loop itself. */
export const REAL_WORLD = ['core/runtime.ts', 'core/timers.ts', 'http/node/turn.ts']

/** `socket.setTimeout(0)` sets none. */
export const NOT_DETERMINISTIC =
  /\bDate\.now\b|\bnew Date\(\s*\)|\bMath\.random\b|\bperformance\.now\b|\bset(?:Timeout|Interval|Immediate)\b(?!\(0\))|\brandom(?:Bytes|UUID|Int|Fill|FillSync)\b|\bgetRandomValues\b|\bhrtime\b/g

/** Nobody wants to open a file longer than this; most should be far shorter. */
export const MAX_LINES = 300
export const MAX_MEDIAN_LINES = 120
