import { ofWholeCall } from '../../core/batcher.ts'
import { OnlyonceError } from '../../core/errors.ts'
import { invalidOption } from '../../core/options.ts'
import type { Lease, OperationId } from '../../core/record.ts'
import type { ClaimOutcome, ClaimRequest, Store, StoreTraits } from '../../core/store.ts'
import { readClaims, readRecords, readWrites } from './answers.ts'
import type { Word } from './client.ts'
import { explained, unreadableAt } from './faults.ts'
import { inspect, type RedisReport } from './inspect.ts'
import { createKeys } from './keys.ts'
import { limited } from './limit.ts'
import { list } from './list.ts'
import type { ResolvedRedisOptions } from './options.ts'
import { createReplicated } from './replicas.ts'
import { packClaims, packCompletions, packLeases, packRenewals } from './requests.ts'
import { createScripts, type ScriptName } from './scripts/run.ts'
import { createWaking } from './waking.ts'

export interface RedisStore extends Store {
  /** What an operator should know of the servers: an evicting policy, no persistence, too few replicas. */
  inspect(): Promise<RedisReport>
}

const NOTHING = Buffer.alloc(0)
/** These look at the record alone. */
const NEEDS_NO_BUCKET: readonly ScriptName[] = ['renew', 'release']

/** `clock`: microseconds are its milliseconds times 1 000; for tests, since nothing expires by itself then. */
export function createRedisStore(options: ResolvedRedisOptions, clock?: () => number): RedisStore {
  const { prefix, durability, compact, commandTimeoutMs } = options
  const port = limited(options.port, commandTimeoutMs + (durability?.waitTimeoutMs ?? 0))
  const scripts = createScripts(port, compact !== undefined, clock)
  const waking = createWaking(options.port, `${prefix}:wake`)
  const replicated = durability && createReplicated(port, scripts, durability)
  const again = replicated === undefined ? '0' : '1'
  const { of: keyOf, whileMoving, pattern } = createKeys(prefix, compact)
  const epochMs = compact === undefined ? [] : [String(Math.ceil(compact.retentionMs / 2))]
  let closed = false

  async function guarded<T>(verb: string, work: () => Promise<T>): Promise<T> {
    if (closed) throw new OnlyonceError('CLOSED', `the redis store was closed; it cannot ${verb}`)
    try {
      return await work()
    } catch (error) {
      throw explained(verb, error)
    }
  }

  /** One call for all where one server has all keys; in a cluster one for each, and the client gathers them by node. */
  function perCall<T, R>(
    batch: readonly T[],
    call: (part: readonly T[]) => Promise<readonly R[]>,
  ): Promise<readonly R[]> {
    if (batch.length === 0) return Promise.resolve([])
    if (!port.isCluster) return call(batch)
    return Promise.all(batch.map((one) => call([one]))).then((parts) => parts.flat())
  }

  const args = (blob: Buffer): Word[] => [blob, waking.channel, again, ...epochMs]

  function run(script: ScriptName, ids: readonly OperationId[], blob: Buffer): Promise<unknown> {
    const moves = port.isCluster && !NEEDS_NO_BUCKET.includes(script)
    return scripts.run(script, moves ? ids.flatMap(whileMoving) : ids.map(keyOf), args(blob))
  }

  /** A grant that too few replicas have is given back: whoever got it could lose it in a fail-over and not be told. */
  async function claimReplicated(requests: readonly ClaimRequest[]): Promise<readonly ClaimOutcome[]> {
    const keys = requests.map(({ id }) => keyOf(id))
    const { answer, unmet } = await (replicated as NonNullable<typeof replicated>)(
      'claim',
      keys,
      args(packClaims(requests)),
    )
    const outcomes = readClaims(answer, requests)
    if (unmet === undefined) return outcomes
    const leases = outcomes.flatMap((one) => (one.kind === 'granted' ? [one.lease] : []))
    if (leases.length > 0) await releaseAll(leases).catch(() => {})
    // Asked for one by one with the same owners they would be late copies of what was given back: running, by nobody.
    throw ofWholeCall(unmet)
  }

  /** Before the effect runs: afterwards it would be known for a shorter time than was asked for. */
  function refuseLonger(requests: readonly ClaimRequest[]): void {
    const longer = compact && requests.find(({ retentionMs }) => retentionMs > compact.retentionMs)
    if (longer === undefined) return
    throw invalidOption(
      'retentionMs',
      `must not be above compact.retentionMs (${compact?.retentionMs})`,
      longer.retentionMs,
    )
  }

  async function releaseAll(leases: readonly Lease[]) {
    const ids = leases.map(({ id }) => id)
    return readWrites(await run('release', ids, packLeases(leases)), leases.length)
  }

  const store: RedisStore = {
    name: 'redis',
    traits: traitsOf(durability?.waitReplicas ?? 0),
    concurrency: { batches: 2 },
    claim: (requests) =>
      guarded('claim', () =>
        perCall(requests, async (part) => {
          refuseLonger(part)
          if (replicated !== undefined) return claimReplicated(part)
          return readClaims(
            await run(
              'claim',
              part.map(({ id }) => id),
              packClaims(part),
            ),
            part,
          )
        }),
      ),
    renew: (renewals) =>
      guarded('renew', () =>
        perCall(renewals, async (part) => {
          const ids = part.map(({ lease }) => lease.id)
          return readWrites(await run('renew', ids, packRenewals(part)), part.length)
        }),
      ),
    async complete(completions) {
      const outcomes = await guarded('complete', () =>
        perCall(completions, async (part) => {
          const ids = part.map(({ lease }) => lease.id)
          if (replicated === undefined)
            return readWrites(await run('complete', ids, packCompletions(part)), part.length)
          const { answer, unmet } = await replicated('complete', ids.map(keyOf), args(packCompletions(part)))
          if (unmet !== undefined) throw unmet
          return readWrites(answer, part.length)
        }),
      )
      waking.wake(completions.map(({ lease }) => lease.id))
      return outcomes
    },
    async release(leases) {
      const outcomes = await guarded('release', () => perCall(leases, releaseAll))
      waking.wake(leases.map(({ id }) => id))
      return outcomes
    },
    find: (ids) =>
      guarded('find', () =>
        perCall(ids, async (part) =>
          readRecords(await run('find', part, NOTHING), part, (id, error) => unreadableAt(keyOf(id), error)),
        ),
      ),
    list: (query) => guarded('list', () => list(port, pattern, query, (ids) => store.find(ids))),
    async forget(ids) {
      const counts = await guarded('forget', () =>
        perCall(ids, async (part) => [Number(await run('forget', part, NOTHING))]),
      )
      waking.wake(ids)
      return counts.reduce((sum, count) => sum + count, 0)
    },
    sweep: async () => 0,
    watch: (id, call) => waking.watch(id, call),
    inspect: () => guarded('inspect', () => inspect(port, durability?.waitReplicas ?? 0)),
    async [Symbol.asyncDispose]() {
      closed = true
      waking.close()
    },
  }
  return store
}

function traitsOf(waitReplicas: number): StoreTraits {
  return Object.freeze({
    durable: true,
    transactional: false,
    survivesFailover: waitReplicas > 0,
    selfExpiring: true,
  })
}
