import type { IoredisClient, RedisStore } from '../redis/index.ts'
import { firstInstalled, owning } from './clients.ts'
import { type Client, tellWhy } from './redis-reasons.ts'
import { checkPort, decoded, invalidUrl, optionsIn, withoutQuery } from './url.ts'

const COMPACT = ['compact', 'compactRetentionMs', 'compactKeys']
const DURABILITY = ['waitReplicas', 'waitTimeoutMs']
const OURS = ['prefix', 'commandTimeoutMs', ...COMPACT, ...DURABILITY]
const HINT =
  'write `redis://user:password@host:6379/0`, `redis+cluster://host:7000,host:7001` or ' +
  '`redis+sentinel://host:26379,host:26380/name`'

interface Place {
  readonly hosts: readonly { readonly host: string; readonly port: number }[]
  readonly username?: string
  readonly password?: string
  /** The database number, or the name of the master. */
  readonly path: string
}

/** ioredis and iovalkey, which take the same options. */
interface Driver {
  readonly Redis: new (options: object) => Client & IoredisClient
  readonly Cluster: new (hosts: readonly object[], options: object) => Client
}

/** `scheme` without its colon: `redis`, `rediss`, `redis+cluster`, `rediss+cluster`, `redis+sentinel`, `rediss+sentinel`. */
export async function openRedis(url: string, scheme: string, rest: string): Promise<RedisStore> {
  const [address, query] = withoutQuery(rest)
  const place = placeOf(url, address)
  const { waitReplicas, waitTimeoutMs, compact, compactRetentionMs, compactKeys, ...options } = optionsIn(
    url,
    query,
    OURS,
  )
  const driver = await firstInstalled<Driver>('redis:', ['ioredis', 'iovalkey'])
  const client = connect(driver, url, scheme, place)
  const close = tellWhy(client)
  const { redisStore } = await import('../redis/index.ts')
  const isDurable = waitReplicas !== undefined || waitTimeoutMs !== undefined
  const durability = isDurable ? { durability: { waitReplicas, waitTimeoutMs } } : {}
  const compaction = compacting(url, compact, { retentionMs: compactRetentionMs, keys: compactKeys })
  const given = { ...options, ...durability, ...compaction, client } as unknown as Parameters<typeof redisStore>[0]
  return owning(redisStore(given), close)
}

/** The members of `compact`, which is `true` without any. */
function compacting(url: string, compact: unknown, members: Readonly<Record<string, unknown>>): { compact?: unknown } {
  const given = Object.entries(members).filter(([, value]) => value !== undefined)
  if (given.length === 0) return compact === undefined ? {} : { compact }
  if (compact !== undefined && compact !== true)
    throw invalidUrl(url, '`compactRetentionMs` and `compactKeys` go with `compact=true`')
  return { compact: Object.fromEntries(given) }
}

/**
 * A command is given up with the third failed attempt to connect. The pauses of ioredis grow to 5 seconds: its time limit
 * would come before that, and say nothing of what the connection met.
 */
const RETRIES = 2

/** A sentinel that hangs with its connections open must leave time to ask the next ones, and not outlive the client. */
const SENTINEL_ANSWERS_WITHIN_MS = 2_000

function soon(attempt: number): number {
  return Math.min(attempt * 50, 500)
}

/** For sentinels and a cluster: there ioredis gives up a command only together with itself. */
function soonOrNot(attempt: number): number | null {
  return attempt % (RETRIES + 1) === 0 ? null : soon(attempt)
}

function connect({ Redis, Cluster }: Driver, url: string, scheme: string, place: Place): Client {
  const { hosts, username, password, path } = place
  const login = { ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) }
  const isSecure = scheme.startsWith('rediss')
  const secure = isSecure ? { tls: {} } : {}
  // Connects on first use, and does not queue commands for a server that does not come back.
  const patience = { lazyConnect: true, maxRetriesPerRequest: RETRIES, connectTimeout: 5_000, retryStrategy: soon }
  if (scheme.endsWith('+cluster')) {
    if (path !== '') throw invalidUrl(url, 'a cluster has no databases')
    return new Cluster(hosts, {
      lazyConnect: true,
      clusterRetryStrategy: soonOrNot,
      redisOptions: { ...login, ...secure, ...patience },
    })
  }
  if (scheme.endsWith('+sentinel')) {
    if (path === '') throw invalidUrl(url, 'it needs the name of the master after the last host')
    // `tls` alone applies to neither the sentinels nor the master they name.
    const everywhere = isSecure ? { ...secure, sentinelTLS: {}, enableTLSForSentinelMode: true } : {}
    const client = new Redis({
      ...{ sentinels: hosts, name: path, sentinelRetryStrategy: soonOrNot },
      sentinelCommandTimeout: SENTINEL_ANSWERS_WITHIN_MS,
      ...{ ...login, ...everywhere, ...patience },
    })
    // A subscription has no next command that would connect it anew.
    const duplicate = client.duplicate.bind(client)
    client.duplicate = (override) => duplicate(Object.assign({ sentinelRetryStrategy: soon }, override))
    return client
  }
  if (hosts.length > 1) throw invalidUrl(url, HINT)
  if (path !== '' && !/^\d{1,5}$/.test(path)) throw invalidUrl(url, 'a database of Redis is a number')
  return new Redis({ ...hosts[0], db: Number(path), ...login, ...secure, ...patience })
}

/** `//user:password@host:port,host:port/path` */
function placeOf(url: string, address: string): Place {
  const [, login, list = '', path = ''] = /^\/\/(?:(.*)@)?([^/@]+)(?:\/([^/]*))?$/.exec(address) ?? []
  const hosts = list.split(',').map((one) => {
    const [, host, port = '6379'] = /^(\[[0-9a-f:.]+\]|[^:[\]\s]+)(?::(\d{1,5}))?$/i.exec(one) ?? []
    if (host === undefined) throw invalidUrl(url, HINT)
    checkPort(url, port)
    return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
  })
  const colon = login?.indexOf(':') ?? -1
  const username = login === undefined ? '' : decoded(url, colon < 0 ? login : login.slice(0, colon))
  const password = login === undefined || colon < 0 ? '' : decoded(url, login.slice(colon + 1))
  return {
    hosts,
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
    path: decoded(url, path),
  }
}
