import type { RedisPort } from './port.ts'

/** State and settings of the servers, with warnings for an operator. */
export interface RedisReport {
  readonly nodes: readonly RedisNodeReport[]
  /** Problems found, each with what to do. */
  readonly warnings: readonly string[]
}

/**
 * One master, as it describes itself in INFO and CONFIG. What it does not tell is `unknown`; `maxmemory` is in bytes.
 */
export interface RedisNodeReport {
  readonly name: string
  readonly version: string
  readonly role: string
  readonly replicas: number
  readonly maxmemoryPolicy: string
  /** 0: no limit. */
  readonly maxmemory: number
  /** `appendfsync` where there is an append-only file. */
  readonly persistence: 'none' | 'snapshots' | 'aof always' | 'aof everysec' | 'aof no' | 'unknown'
}

/** Reads version, role, eviction policy and persistence of every master. */
export async function inspect(port: RedisPort, waitReplicas: number): Promise<RedisReport> {
  const nodes = await Promise.all(
    (await port.nodes()).map(async ({ name, send }) => {
      const info = fieldsOf(String(await send(['INFO'])))
      const setting = async (option: string) => {
        try {
          const answer = await send(['CONFIG', 'GET', option])
          // With RESP3 it is a map.
          return String((Array.isArray(answer) ? answer[1] : Object(answer)[option]) ?? '')
        } catch {
          // Hosted servers do not allow CONFIG.
          return undefined
        }
      }
      const [save, fsync] = [await setting('save'), await setting('appendfsync')]
      const appends = info.get('aof_enabled')
      const report: RedisNodeReport = {
        name,
        version: info.get('redis_version') ?? 'unknown',
        role: info.get('role') ?? 'unknown',
        replicas: Number(info.get('connected_slaves') ?? 0),
        maxmemoryPolicy: info.get('maxmemory_policy') ?? 'unknown',
        maxmemory: Number(info.get('maxmemory') ?? 0),
        persistence: persistenceOf(appends === '1', fsync, save),
      }
      return { report, warnings: warningsOf(report, waitReplicas, appends === '0') }
    }),
  )
  return { nodes: nodes.map(({ report }) => report), warnings: nodes.flatMap(({ warnings }) => warnings) }
}

function persistenceOf(
  appends: boolean,
  fsync: string | undefined,
  save: string | undefined,
): RedisNodeReport['persistence'] {
  if (appends) return fsync === 'always' || fsync === 'everysec' || fsync === 'no' ? `aof ${fsync}` : 'unknown'
  if (save === undefined) return 'unknown'
  return save === '' ? 'none' : 'snapshots'
}

function warningsOf(node: RedisNodeReport, waitReplicas: number, appendsNothing: boolean): string[] {
  const { name, version, role, replicas, maxmemoryPolicy, maxmemory, persistence } = node
  const warnings: string[] = []
  const major = Number.parseInt(version, 10)
  if (major < 5) warnings.push(`${name} is Redis ${version}: scripts that read the clock need 5 or later`)
  if (role !== 'master') warnings.push(`${name} is a ${role}: connect to the master`)
  if (maxmemoryPolicy !== 'noeviction' && maxmemoryPolicy !== 'unknown') {
    const when = maxmemory === 0 ? 'as soon as a limit is set (maxmemory is 0 now)' : 'when memory is full'
    warnings.push(
      `${name} has maxmemory-policy ${maxmemoryPolicy}: records are evicted ${when}, and their effects run again; set noeviction`,
    )
  }
  if (persistence === 'none')
    warnings.push(`${name} keeps nothing on disk: a restart forgets every operation; set appendonly yes`)
  if (persistence === 'unknown' && appendsNothing)
    warnings.push(
      `${name} has no append-only file: a crash forgets the last seconds, or all without snapshots; set appendonly yes, appendfsync always`,
    )
  if (persistence === 'snapshots' || persistence === 'aof everysec' || persistence === 'aof no') {
    warnings.push(
      `${name} persists by ${persistence}: a crash forgets the last seconds; set appendonly yes, appendfsync always`,
    )
  }
  if (replicas < waitReplicas) {
    warnings.push(
      `${name} has ${replicas} replicas and durability.waitReplicas is ${waitReplicas}: every claim is refused`,
    )
  }
  return warnings
}

function fieldsOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split('\r\n').flatMap((line) => {
      const at = line.indexOf(':')
      return at <= 0 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const]
    }),
  )
}
