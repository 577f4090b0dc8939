import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Kind, LaunchedService, LaunchOptions, ServerProcess } from '../../services/launch.mjs'
import { createProxy, type FaultProxy } from '../support/proxy.ts'
import { type Ledger, mysqlLedger, postgresLedger, sqliteLedger } from './ledgers.ts'
import type { Fault, Job, StoreName } from './plan.ts'

export type Launch = (kind: Kind, options?: LaunchOptions) => Promise<LaunchedService>

/** A store's server behind proxies, or its file, and what can be done to it. */
export interface Place extends Pick<Job, 'url' | 'nat' | 'modes' | 'transactionMs'> {
  readonly faults: readonly Fault[]
  readonly proxies: readonly FaultProxy[]
  readonly servers: readonly ServerProcess[]
  /** Part of the request whose answer is worth losing. */
  readonly telling: RegExp
  /** Left out where there are no transactions. */
  readonly ledger?: Ledger
  lockFile?(ms: number): Promise<void>
  close(): Promise<void>
}

const EVERYWHERE = ['kill', 'pause'] as const
const ON_SERVERS = [...EVERYWHERE, 'reset', 'blackhole', 'lost reply', 'restart'] as const
const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always']

export function openPlace(name: StoreName, launch: Launch): Promise<Place> {
  switch (name) {
    case 'sqlite':
      return sqlitePlace()
    case 'redis':
      return redisPlace(launch)
    case 'redis-cluster':
      return clusterPlace(launch)
    case 'postgres':
      return sqlPlace(launch, 'postgres', postgresLedger)
    case 'mysql':
      return sqlPlace(launch, 'mysql', mysqlLedger)
  }
}

async function sqlitePlace(): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'onlyonce-chaos-'))
  const file = join(folder, 'chaos.db')
  const ledger = sqliteLedger(file)
  await ledger.create()
  return {
    url: `sqlite:${file}`,
    nat: undefined,
    modes: ['atomic', 'leased'],
    // An open transaction keeps every other writer of the file out.
    transactionMs: [6, 60],
    faults: [...EVERYWHERE, 'file lock'],
    proxies: [],
    servers: [],
    telling: /^$/,
    ledger,
    lockFile: ledger.lock,
    close: async () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }),
  }
}

async function sqlPlace(launch: Launch, kind: 'postgres' | 'mysql', ledgerOf: (url: string) => Ledger): Promise<Place> {
  const service = await launch(kind)
  const proxies = await proxiesOf(service)
  const ledger = ledgerOf(service.url)
  await ledger.create()
  return {
    ...onServers(service, proxies),
    url: throughProxy(service.url, proxies),
    nat: undefined,
    modes: ['atomic', 'leased'],
    // And not `BEGIN … READ COMMITTED`.
    telling: /COMMIT(?!TED)/,
    ledger,
  }
}

async function redisPlace(launch: Launch): Promise<Place> {
  const service = await launch('redis-aof')
  const proxies = await proxiesOf(service)
  const url = throughProxy(service.url, proxies)
  return { ...onServers(service, proxies), url, nat: undefined, modes: ['leased'], telling: /EVALSHA/i }
}

async function clusterPlace(launch: Launch): Promise<Place> {
  const service = await launch('redis-cluster', { args: DURABLE })
  const proxies = await proxiesOf(service)
  const nat = Object.fromEntries(
    service.processes.map(({ port }, index) => [
      `127.0.0.1:${port}`,
      { host: '127.0.0.1', port: (proxies[index] as FaultProxy).port },
    ]),
  )
  return { ...onServers(service, proxies), url: service.url, nat, modes: ['leased'], telling: /EVALSHA/i }
}

function onServers(service: LaunchedService, proxies: readonly FaultProxy[]) {
  const close = async () => {
    await Promise.all(proxies.map((proxy) => proxy.close()))
    await service.stop()
  }
  return { faults: ON_SERVERS, transactionMs: [60, 600], proxies, servers: service.processes, close } as const
}

const proxiesOf = ({ processes }: LaunchedService) => Promise.all(processes.map(({ port }) => createProxy(port)))

function throughProxy(url: string, [proxy]: readonly FaultProxy[]): string {
  const through = new URL(url)
  through.port = String(proxy?.port)
  return through.href
}
