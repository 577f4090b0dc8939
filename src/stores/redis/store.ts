import { ofWholeCall } from '../../core/batcher.ts'
import { OnlyonceError } from '../../core/errors.ts'
import { invalidOption } from '../../core/option-rules.ts'
import type { OperationId } from '../../core/record.ts'
import type { ClaimRequest, Store, StoreTraits } from '../../core/store.ts'
import { answerTo, readClaims, readRecords, readWrites } from './answers.ts'
import type { Word } from './client.ts'
import { explained, unreadableAt } from './faults.ts'
import { inspect, type RedisReport } from './inspect.ts'
import { createKeys } from './keys.ts'
import { inTime, limited } from './limit.ts'
import { list } from './list.ts'
import type { ResolvedRedisOptions } from './options.ts'
import { createReplicated } from './replicas.ts'
import { packClaims, packCompletions, packLeases, packNothing, packRenewals } from './requests.ts'
import { createScripts, type ScriptName } from './scripts/run.ts'
import { createWaking } from './waking.ts'

/** A store in Redis or Valkey: not transactional. How durable it is, the servers' settings say: see `inspect`. */
export interface RedisStore extends Store {
  /** Reports problems of the servers: an evicting policy, no persistence, too few replicas. */
  inspect(): Promise<RedisReport>
}

/** Scripts that read only the record. */
const NEEDS_NO_BUCKET: readonly ScriptName[] = ['renew', 'release']

/** `clock`: for tests, in milliseconds; nothing expires by itself then. */
export function createRedisStore(options: ResolvedRedisOptions, clock?: () => number): RedisStore {
  const { port, prefix, durability, compact, commandTimeoutMs } = options
  const limitMs = commandTimeoutMs + (durability?.waitTimeoutMs ?? 0)
  const walked = limited(port, limitMs)
  const scripts = createScripts(port, compact !== undefined, clock)
  const waking = createWaking(port, `${prefix}:wake`)
  const replicated = durability && createReplicated(port, scripts, durability)
  const again = replicated === undefined ? '0' : '1'
  const { of: keyOf, whileMoving, pattern } = createKeys(prefix, compact)
  const epochMs = compact === undefined ? [] : [String(Math.ceil(compact.retentionMs / 2))]
  let closed = false

  const asked = <T>(verb: string, work: () => Promise<readonly T[]>) => guarded(verb, () => inTime(work(), limitMs))

  async function guarded<T>(verb: string, work: () => Promise<T>): Promise<T> {
    if (closed) throw new OnlyonceError('CLOSED', `the redis store was closed; it cannot ${verb}`)
    try {
      return await work()
    } catch (error) {
      throw explained(verb, error, port.isCluster)
    }
  }

  /** Sends a batch as one call; in a cluster as one call per operation, which the client sends to its node. */
  function perCall<T, R>(
    batch: readonly T[],
    call: (part: readonly T[]) => Promise<readonly R[]>,
  ): Promise<readonly R[]> {
    if (batch.length === 0) return Promise.resolve([])
    if (!port.isCluster) return call(batch)
    return Promise.all(batch.map((one) => call([one]))).then((parts) => parts.flat())
  }

  const args = (blob: Buffer): Word[] => [blob, waking.channel, again, ...epochMs]

  async function run(script: ScriptName, ids: readonly OperationId[], blob: Buffer): Promise<Buffer> {
    const moves = port.isCluster && !NEEDS_NO_BUCKET.includes(script)
    return answerTo(blob, await scripts.run(script, moves ? ids.flatMap(whileMoving) : ids.map(keyOf), args(blob)))
  }

  /** With `unmet`, too few replicas have the write. */
  async function runReplicated(
    script: ScriptName,
    ids: readonly OperationId[],
    blob: Buffer,
  ): Promise<{ readonly answer: Buffer; readonly unmet?: OnlyonceError | undefined }> {
    if (replicated === undefined) return { answer: await run(script, ids, blob) }
    const { answer, unmet } = await replicated(script, ids.map(keyOf), args(blob))
    return { answer: answerTo(blob, answer), unmet }
  }

  /** Refused before the effect runs, because its completion would be known for a shorter time than asked for. */
  function refuseLonger(requests: readonly ClaimRequest[]): void {
    const longer = compact && requests.find(({ retentionMs }) => retentionMs > compact.retentionMs)
    if (longer === undefined) return
    throw invalidOption(
      'retentionMs',
      `must not be above compact.retentionMs (${compact?.retentionMs})`,
      longer.retentionMs,
    )
  }

  const store: RedisStore = {
    name: 'redis',
    traits: traitsOf(durability?.waitReplicas ?? 0),
    concurrency: { batches: 2 },
    claim: (requests) =>
      asked('claim', () =>
        perCall(requests, async (part) => {
          refuseLonger(part)
          const ids = part.map(({ id }) => id)
          const { answer, unmet } = await runReplicated('claim', ids, packClaims(part))
          const outcomes = readClaims(answer, part)
          if (unmet === undefined) return outcomes
          // A fail-over could lose these claims, so the error carries them, for the engine to release unused ones.
          throw ofWholeCall(unmet, Promise.resolve(outcomes))
        }),
      ),
    renew: (renewals) =>
      asked('renew', () =>
        perCall(renewals, async (part) => {
          const ids = part.map(({ lease }) => lease.id)
          return readWrites(await run('renew', ids, packRenewals(part)), part.length)
        }),
      ),
    async complete(completions) {
      const outcomes = await asked('complete', () =>
        perCall(completions, async (part) => {
          const ids = part.map(({ lease }) => lease.id)
          const { answer, unmet } = await runReplicated('complete', ids, packCompletions(part))
          if (unmet !== undefined) throw unmet
          return readWrites(answer, part.length)
        }),
      )
      waking.wake(completions.map(({ lease }) => lease.id))
      return outcomes
    },
    async release(leases) {
      const outcomes = await asked('release', () =>
        perCall(leases, async (part) => {
          const ids = part.map(({ id }) => id)
          return readWrites(await run('release', ids, packLeases(part)), part.length)
        }),
      )
      waking.wake(leases.map(({ id }) => id))
      return outcomes
    },
    find: (ids) =>
      asked('find', () =>
        perCall(ids, async (part) =>
          readRecords(await run('find', part, packNothing()), part, (id, error) => unreadableAt(keyOf(id), error)),
        ),
      ),
    list: (query) => guarded('list', () => list(walked, pattern, query, (ids) => store.find(ids))),
    async forget(ids) {
      const counts = await asked('forget', () =>
        perCall(ids, async (part) => [Number(String(await run('forget', part, packNothing())))]),
      )
      waking.wake(ids)
      return counts.reduce((sum, count) => sum + count, 0)
    },
    sweep: async () => 0,
    watch: (id, call) => waking.watch(id, call),
    inspect: () => guarded('inspect', () => inspect(walked, durability?.waitReplicas ?? 0)),
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
