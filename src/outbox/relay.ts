import { reasonOf } from '../core/errors.ts'
import type { PublishResult } from '../core/publisher.ts'
import { type Cancel, sleep } from '../core/runtime.ts'
import type { OutboxEntry, OutboxSettlement } from '../core/store.ts'
import { backoff, timeLimit } from '../core/time-limit.ts'
import { answersOf } from './answers.ts'
import { type RelayEvent, type RelayOptions, resolveRelay } from './relay-options.ts'
import { tableOf } from './table.ts'
import { nextWave } from './waves.ts'

export type { RelayEvent, RelayOptions } from './relay-options.ts'

export interface Relay extends AsyncDisposable {
  /** Begins to publish, whenever this relay holds the lease. Calling it again does nothing. */
  start(): void
  /** Finishes the publish call that is under way, settles it, gives the lease back. Cannot be started again. */
  stop(): Promise<void>
  /** Resolves `true` when nothing waits to be published any more, `false` when the relay was stopped before. */
  drained(): Promise<boolean>
  /** Ends an idle wait: call it after a commit in the same process. */
  wake(): void
}

/** Beyond this many entries that wait for their next try, the ones behind them wait too. */
const MOST_HELD_BACK = 10_000

/**
 * Publishes what the outbox holds, each message at least once and always under its own id; in order for each ordering
 * key. Run one in every process: the lease keeps all but one idle.
 * @throws OnlyonceError OPTION_INVALID
 */
export function relay<Tx>(given: RelayOptions<Tx>): Relay {
  const options = resolveRelay(given)
  const table = tableOf(given.store)
  const { runtime, name, leaseMs, batchSize, pollMs } = options
  const stopping = new AbortController()
  const { signal } = stopping
  let endWait: Cancel = () => {}
  let woken = false
  let running: Promise<void> | undefined
  let leading = false
  const retryAt = new Map<number, number>()
  let unsettled: readonly OutboxSettlement[] = []
  let heldBack = 0
  /** Halved by a call that failed as a whole, so that one message that breaks calls is found and fails alone. */
  let batchLimit = batchSize
  let unwatch: Cancel | undefined
  const slower = () => backoff(runtime, options.backoffMs, options.maxBackoffMs)
  let storePauseMs = slower()
  let publishPauseMs = slower()

  const emit = (event: RelayEvent) => {
    try {
      options.onEvent(event)
    } catch {
      // A listener that throws must not change what is published.
    }
  }

  /** A store that never answers must not hold the relay for ever; after a lease the next relay has taken over anyway. */
  const inTime = <T>(asked: Promise<T>): Promise<T> =>
    timeLimit(runtime, asked, leaseMs, () => new Error(`the ${given.store.name} store did not answer in ${leaseMs} ms`))

  function wake(): void {
    woken = true
    endWait()
  }

  async function pause(ms: number): Promise<void> {
    if (!woken && !signal.aborted) {
      const waiting = new AbortController()
      // Without a reason of its own every wake would make an error with a stack.
      endWait = () => waiting.abort('woken')
      await sleep(runtime, ms, waiting.signal)
      endWait = () => {}
    }
    woken = false
  }

  /** After a failure: what is added meanwhile makes nothing work again. */
  async function rest(ms: number): Promise<void> {
    await sleep(runtime, ms, signal)
  }

  function lead(now: boolean): void {
    if (leading !== now) emit({ type: 'leading', leading: now })
    leading = now
  }

  /** Only with nothing to do: what is added while the broker fails must not cut the pauses short. */
  function watch(idle: boolean): void {
    if (idle) unwatch ??= table.watch?.(wake)
    else {
      unwatch?.()
      unwatch = undefined
    }
  }

  async function settle(settlements: readonly OutboxSettlement[]): Promise<void> {
    // Until the store has them they stay here, so that a store that is down does not make duplicates.
    unsettled = [...unsettled, ...settlements]
    if (unsettled.length > 0) await inTime(table.settle(unsettled))
    unsettled = []
  }

  /** One window of entries, wave by wave. Answers whether anything was published. */
  async function round(): Promise<boolean> {
    await settle([])
    let entries = await inTime(table.take(name, leaseMs, batchSize + Math.min(heldBack, MOST_HELD_BACK)))
    lead(entries !== undefined)
    watch(entries?.length === 0)
    if (entries === undefined) return false
    forgetSettled(entries)
    for (let waves = 0; ; waves++) {
      const waits = ({ position }: OutboxEntry) => (retryAt.get(position) ?? 0) > runtime.elapsed()
      const wave = nextWave(entries, batchLimit, waits)
      heldBack = wave.length === 0 ? entries.length : 0
      if (wave.length === 0 || signal.aborted) return waves > 0
      // Whoever lost the lease must not publish on: the next relay may be further along the same ordering key.
      if (waves > 0 && (await inTime(table.take(name, leaseMs, 1))) === undefined) {
        lead(false)
        return false
      }
      const done = await publishWave(wave)
      if (done === undefined) return false
      entries = entries.filter(({ position }) => !done.has(position))
    }
  }

  /** What another relay settled meanwhile is in no window again. */
  function forgetSettled(entries: readonly OutboxEntry[]): void {
    if (retryAt.size === 0) return
    const waiting = new Set(entries.map(({ position }) => position))
    const last = entries.at(-1)?.position ?? Number.POSITIVE_INFINITY
    for (const position of retryAt.keys()) {
      if (position <= last && !waiting.has(position)) retryAt.delete(position)
    }
  }

  /** The positions that are out of the queue; `undefined` when nothing is known of the whole wave. */
  async function publishWave(wave: readonly OutboxEntry[]): Promise<ReadonlySet<number> | undefined> {
    const startedAt = runtime.elapsed()
    let results: readonly PublishResult[]
    try {
      results = await answersOf(options, wave)
    } catch (error) {
      const retryMs = publishPauseMs()
      emit({ type: 'publish-failed', ids: wave.map(({ id }) => id), error, retryMs })
      const alone = wave.length === 1
      batchLimit = Math.ceil(wave.length / 2)
      if (alone) await settle([failed(wave[0] as OutboxEntry, reasonOf(error), false)])
      await rest(retryMs)
      return undefined
    }
    const settlements = wave.map((entry, index) => settlementOf(entry, results[index] as PublishResult))
    const published = settlements.filter(({ kind }) => kind === 'published').length
    if (published > 0) {
      publishPauseMs = slower()
      batchLimit = Math.min(batchSize, batchLimit * 2)
      emit({ type: 'published', count: published, tookMs: runtime.elapsed() - startedAt })
    }
    await settle(settlements)
    return new Set(settlements.filter(({ kind }) => kind !== 'failed').map(({ position }) => position))
  }

  function settlementOf(entry: OutboxEntry, result: PublishResult): OutboxSettlement {
    if (!result.ok) return failed(entry, result.reason, result.permanent === true)
    retryAt.delete(entry.position)
    return { position: entry.position, kind: 'published' }
  }

  function failed(entry: OutboxEntry, reason: string, permanent: boolean): OutboxSettlement {
    const { position, id, topic } = entry
    const failures = entry.failures + 1
    const parked = permanent || failures >= options.maxFailures
    const ceiling = Math.min(options.maxBackoffMs, options.backoffMs * 2 ** Math.min(entry.failures, 50))
    const retryMs = ceiling * (0.5 + runtime.random() / 2)
    if (parked) retryAt.delete(position)
    else retryAt.set(position, runtime.elapsed() + retryMs)
    emit({ type: 'refused', id, topic, reason, failures, parked, retryMs })
    return { position, kind: parked ? 'parked' : 'failed', reason }
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        if (!(await round())) await pause(pollMs)
        storePauseMs = slower()
      } catch (error) {
        const retryMs = storePauseMs()
        emit({ type: 'store-failed', error, retryMs })
        await rest(retryMs)
      }
    }
    try {
      watch(false)
      await settle([])
      await inTime(table.leave(name))
    } catch (error) {
      emit({ type: 'store-failed', error, retryMs: 0 })
    }
    lead(false)
  }

  const stop = async (): Promise<void> => {
    stopping.abort()
    endWait()
    await running
  }

  const drained = async (): Promise<boolean> => {
    for (;;) {
      if ((await inTime(table.stats())).waiting === 0) return true
      if (signal.aborted) return false
      await sleep(runtime, Math.min(pollMs, 50), signal)
    }
  }

  return {
    start() {
      running ??= run()
    },
    stop,
    drained,
    wake,
    [Symbol.asyncDispose]: stop,
  }
}
