import { randomUUID } from 'node:crypto'
import { Cluster as IoredisCluster, Redis } from 'ioredis'
import { Cluster as IovalkeyCluster, Redis as Valkey } from 'iovalkey'
import { createClient, createCluster, createSentinel } from 'redis'
import type { RedisClient } from '../../src/stores/redis/index.ts'

/** A connected client of one of the libraries. */
export interface OpenClient {
  readonly client: RedisClient
  close(): Promise<void>
}

export const LIBRARIES = ['ioredis', 'node-redis', 'iovalkey'] as const
export type Library = (typeof LIBRARIES)[number]

/** `redis://`, `redis+cluster://host:port,…` or `redis+sentinel://host:port,…/name`. */
export async function openClient(library: Library, url: string): Promise<OpenClient> {
  const [, kind = '', hosts = '', name = 'mymaster'] =
    /^redis\+?(cluster|sentinel)?:\/\/([^/]+)\/?(.*)$/.exec(url) ?? []
  const nodes = hosts
    .split(',')
    .map((host) => ({ host: host.split(':')[0] as string, port: Number(host.split(':')[1]) }))
  if (library === 'node-redis') return openNodeRedis(kind, nodes, url, name)
  const options = { maxRetriesPerRequest: 3 }
  const valkey = library === 'iovalkey'
  const single = () => (valkey ? new Valkey(url, options) : new Redis(url, options))
  const sentinels = { sentinels: [...nodes], name }
  const behindSentinel = () => (valkey ? new Valkey(sentinels) : new Redis(sentinels))
  const cluster = () => (valkey ? new IovalkeyCluster([...nodes]) : new IoredisCluster([...nodes]))
  const client: NodeJS.EventEmitter & { disconnect(): void } =
    kind === 'cluster' ? cluster() : kind === 'sentinel' ? behindSentinel() : single()
  client.on('error', () => {})
  await new Promise<void>((resolve, reject) => {
    client.once('ready', resolve)
    setTimeout(() => reject(new Error(`${library} did not connect to ${url}`)), 10_000).unref()
  })
  return { client: client as unknown as RedisClient, close: async () => client.disconnect() }
}

async function openNodeRedis(
  kind: string,
  nodes: readonly { host: string; port: number }[],
  url: string,
  name: string,
): Promise<OpenClient> {
  if (kind === 'cluster') {
    const client = createCluster({ rootNodes: nodes.map(({ host, port }) => ({ url: `redis://${host}:${port}` })) })
    client.on('error', () => {})
    await client.connect()
    return { client: client as unknown as RedisClient, close: async () => client.destroy() }
  }
  if (kind === 'sentinel') {
    const client = createSentinel({ name, sentinelRootNodes: [...nodes] })
    client.on('error', () => {})
    await client.connect()
    return { client: client as unknown as RedisClient, close: async () => client.destroy() }
  }
  const client = createClient({ url })
  client.on('error', () => {})
  await client.connect()
  return { client: client as unknown as RedisClient, close: async () => client.destroy() }
}

/** A key prefix that no other test uses. */
export const newPrefix = (): string => `t-${randomUUID().slice(0, 13)}`
