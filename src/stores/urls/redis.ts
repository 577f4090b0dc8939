import { reasonOf } from '../../core/errors.ts'
import type { IoredisClient, IoredisCluster, RedisStore } from '../redis/index.ts'
import { firstInstalled, owning } from './clients.ts'
import { decoded, invalidUrl, optionsIn, withoutQuery } from './url.ts'

const OURS = ['prefix', 'compact', 'commandTimeoutMs', 'waitReplicas', 'waitTimeoutMs']
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

type Client = (IoredisClient | IoredisCluster) & {
  on(event: 'error', listener: (error: unknown) => void): unknown
  disconnect(): void
}

/** ioredis and iovalkey, which take the same options. */
interface Driver {
  readonly Redis: new (options: object) => Client
  readonly Cluster: new (hosts: readonly object[], options: object) => Client
}

/** `scheme` without its colon: `redis`, `rediss`, `redis+cluster`, `rediss+cluster`, `redis+sentinel`, `rediss+sentinel`. */
export async function openRedis(url: string, scheme: string, rest: string): Promise<RedisStore> {
  const [address, query] = withoutQuery(rest)
  const place = placeOf(url, address)
  const { waitReplicas, waitTimeoutMs, ...options } = optionsIn(url, query, OURS)
  const driver = await firstInstalled<Driver>('redis:', ['ioredis', 'iovalkey'])
  const client = connect(driver, url, scheme, place)
  tellWhy(client)
  const { redisStore } = await import('../redis/index.ts')
  const isDurable = waitReplicas !== undefined || waitTimeoutMs !== undefined
  const durability = isDurable ? { durability: { waitReplicas, waitTimeoutMs } } : {}
  const given = { ...options, ...durability, client } as unknown as Parameters<typeof redisStore>[0]
  return owning(redisStore(given), async () => client.disconnect())
}

/**
 * A command that is given up says how often it was tried. What the connection met the client tells in an event, which it
 * would print if nobody listened.
 */
function tellWhy(client: Client): void {
  let met: unknown
  client.on('error', (error) => {
    met = error
  })
  const send = client.callBuffer.bind(client)
  client.callBuffer = (command, args) =>
    send(command, args).catch((error: unknown) => {
      const isGivenUp = Object(error).name === 'MaxRetriesPerRequestError'
      throw isGivenUp && met !== undefined ? new Error(toldBy(met), { cause: error }) : error
    })
}

/** A name with several addresses fails with all of their errors, and without words of its own. */
function toldBy(met: unknown): string {
  return met instanceof AggregateError ? met.errors.map(reasonOf).join('; ') : reasonOf(met)
}

/**
 * A command is given up with the third failed attempt to connect. The pauses of ioredis grow to 5 seconds: its time limit
 * would come before that, and say nothing of what the connection met.
 */
function soon(attempt: number): number {
  return Math.min(attempt * 50, 500)
}

function connect({ Redis, Cluster }: Driver, url: string, scheme: string, place: Place): Client {
  const { hosts, username, password, path } = place
  const login = { ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) }
  const isSecure = scheme.startsWith('rediss')
  const secure = isSecure ? { tls: {} } : {}
  // Connects on first use, and does not queue commands for a server that does not come back.
  const patience = { lazyConnect: true, maxRetriesPerRequest: 2, connectTimeout: 5_000, retryStrategy: soon }
  if (scheme.endsWith('+cluster')) {
    if (path !== '') throw invalidUrl(url, 'a cluster has no databases')
    return new Cluster(hosts, { lazyConnect: true, redisOptions: { ...login, ...secure, ...patience } })
  }
  if (scheme.endsWith('+sentinel')) {
    if (path === '') throw invalidUrl(url, 'it needs the name of the master after the last host')
    // `tls` alone applies to neither the sentinels nor the master they name.
    const everywhere = isSecure ? { ...secure, sentinelTLS: {}, enableTLSForSentinelMode: true } : {}
    return new Redis({ sentinels: hosts, name: path, ...login, ...everywhere, ...patience })
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
