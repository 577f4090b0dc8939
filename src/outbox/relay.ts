import { reasonOf } from '../core/errors.ts'
import { report, reportRejection } from '../core/events.ts'
import type { PublishResult } from '../core/publisher.ts'
import { type Cancel, sleep } from '../core/runtime.ts'
import type { OutboxEntry, OutboxSettlement } from '../core/store.ts'
import { backoff, timeLimit } from '../core/time-limit.ts'
import { answersOf } from './answers.ts'
import { createHand } from './hand.ts'
import { type RelayEvent, type RelayOptions, resolveRelay } from './relay-options.ts'
import { tableOf } from './table.ts'

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

/** So many batches are read ahead at most, and so many are published at most of which the store does not know. */
const MOST_BATCHES = 3
/** Beyond this many entries that wait for their next try, or behind one, the ones behind them wait too. */
const MOST_RESTING = 20_000

/**
 * Publishes what the outbox holds, each message at least once and always under its own id; in order for each ordering
 * key. Run one in every process: the lease keeps all but one idle.
 * @throws OnlyonceError OPTION_INVALID
 */
export function relay<Tx>(given: RelayOptions<Tx>): Relay {
  const options = resolveRelay(given)
  const table = tableOf(given.store)
  const { runtime, name, leaseMs, batchSize, pollMs, publishTimeoutMs } = options
  const stopping = new AbortController()
  const { signal } = stopping
  const mostAhead = MOST_BATCHES * batchSize
  let endWait: Cancel = () => {}
  let woken = false
  let running: Promise<void> | undefined
  let leading = false
  const hand = createHand(runtime)
  /**
   * By position, the latest of each. Until the store has them they stay here, so that a store that is down does not make
   * duplicates.
   */
  const unsettled = new Map<number, OutboxSettlement>()
  /** By our own clock, counted from before the store was asked: over for us is never later than over for the store. */
  let leaseEnds = Number.NEGATIVE_INFINITY
  /** The store may have more than is in hand. */
  let more = true
  /** Halved by a call that failed as a whole, so that one message that breaks calls is found and fails alone. */
  let batchLimit = batchSize
  let unwatch: Cancel | undefined
  const slower = () => backoff(runtime, options.backoffMs, options.maxBackoffMs)
  let storePauseMs = slower()
  let publishPauseMs = slower()

  const emit = (event: RelayEvent) => {
    try {
      reportRejection(options.onListenerError, options.onEvent(event))
    } catch (error) {
      report(options.onListenerError, error)
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

  async function settle(): Promise<void> {
    if (unsettled.size === 0) return
    const told = [...unsettled.values()]
    await inTime(table.settle(told))
    for (const one of told) {
      // Meanwhile there may be something newer to tell.
      if (unsettled.get(one.position) === one) unsettled.delete(one.position)
      if (one.kind === 'parked') hand.remove(one.position)
    }
  }

  function note(settlements: readonly OutboxSettlement[]): void {
    for (const one of settlements) unsettled.set(one.position, one)
  }

  /** Takes or renews the lease, and reads on behind what is in hand. */
  async function take(limit: number): Promise<void> {
    const askedAt = runtime.elapsed()
    const renews = askedAt < leaseEnds
    // Another relay may have published what is in hand.
    if (!renews) hand.drop()
    const gone = [...unsettled.values()].filter(({ kind }) => kind === 'published')
    const { positions, wanted } = hand.held()
    const held = [...positions, ...gone.map(({ position }) => position)]
    const most = hand.resting < MOST_RESTING ? limit : Math.min(limit, wanted)
    const taken = await inTime(table.take(name, leaseMs, most, held))
    // The same: it was granted anew, perhaps, and what is missing before the new entries is not in hand any more.
    const tooLate = renews && runtime.elapsed() >= leaseEnds
    if (taken === undefined || tooLate) hand.drop()
    else hand.add(taken, taken.length < most)
    leaseEnds = taken === undefined ? Number.NEGATIVE_INFINITY : askedAt + leaseMs
    more = tooLate || taken?.length === most
    lead(taken !== undefined)
    watch(taken?.length === 0 && hand.size === 0 && hand.resting === 0)
  }

  /** Both at once, and both are over when it is. */
  async function askStore(limit: number): Promise<void> {
    const answers = await Promise.allSettled([settle(), take(limit)])
    for (const answer of answers) if (answer.status === 'rejected') throw answer.reason
  }

  /**
   * Publishes from the hand, wave by wave, while the store is told what became of the waves before and reads on.
   * Answers whether there was, or is, anything to publish.
   */
  async function round(): Promise<boolean> {
    let wave = hand.wave(batchLimit)
    const idle = wave.length === 0
    const room = idle ? batchSize : Math.max(mostAhead - hand.size, 0)
    // Whoever lost the lease must not publish on: what the next relay does meanwhile would be done twice.
    const leased = (forMs: number) => runtime.elapsed() + forMs < leaseEnds
    const isDue = idle || unsettled.size > 0 || (more && room > 0) || !leased(publishTimeoutMs)
    let asking = isDue
    const asked = isDue ? askStore(room) : Promise.resolve()
    const answered = () => {
      asking = false
    }
    // A failure is thrown below, after the wave; with this it does not count as one that nobody handles.
    asked.then(answered, answered)
    let published = false
    for (let forMs = 0; wave.length > 0 && !signal.aborted && leased(forMs); forMs = publishTimeoutMs) {
      // If we die, these are published again.
      if (unsettled.size + wave.length > mostAhead) break
      published = true
      if (!(await publishWave(wave)) || !asking) break
      wave = hand.wave(batchLimit)
    }
    await asked
    return published || hand.wave(1).length > 0
  }

  /** Answers `false` when nothing is known of the whole wave. */
  async function publishWave(wave: readonly OutboxEntry[]): Promise<boolean> {
    const startedAt = runtime.elapsed()
    let results: readonly PublishResult[]
    try {
      results = await answersOf(options, wave)
    } catch (error) {
      const retryMs = publishPauseMs()
      emit({ type: 'publish-failed', ids: wave.map(({ id }) => id), error, retryMs })
      batchLimit = Math.ceil(wave.length / 2)
      if (wave.length === 1) note([failed(wave[0] as OutboxEntry, reasonOf(error), false)])
      await rest(retryMs)
      return false
    }
    const settlements = wave.map((entry, index) => settlementOf(entry, results[index] as PublishResult))
    const published = settlements.filter(({ kind }) => kind === 'published').length
    if (published > 0) {
      publishPauseMs = slower()
      batchLimit = Math.min(batchSize, batchLimit * 2)
      emit({ type: 'published', count: published, tookMs: runtime.elapsed() - startedAt })
    }
    note(settlements)
    return true
  }

  function settlementOf(entry: OutboxEntry, result: PublishResult): OutboxSettlement {
    if (!result.ok) return failed(entry, result.reason, result.permanent === true)
    hand.remove(entry.position)
    return { position: entry.position, kind: 'published' }
  }

  function failed(entry: OutboxEntry, reason: string, permanent: boolean): OutboxSettlement {
    const { position, id, topic } = entry
    const failures = entry.failures + 1
    const parked = permanent || failures >= options.maxFailures
    const ceiling = Math.min(options.maxBackoffMs, options.backoffMs * 2 ** Math.min(entry.failures, 50))
    const retryMs = ceiling * (0.5 + runtime.random() / 2)
    if (parked) hand.park(entry)
    else hand.tryAgain(entry, retryMs)
    emit({ type: 'refused', id, topic, reason, failures, parked, retryMs })
    return { position, kind: parked ? 'parked' : 'failed', reason, failures }
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
      await settle()
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
