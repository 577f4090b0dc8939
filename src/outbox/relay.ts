import { backoff, ceilingMs } from '../core/backoff.ts'
import { reasonOf } from '../core/errors.ts'
import type { PublishResult } from '../core/publisher.ts'
import { tell } from '../core/reporting.ts'
import { type Cancel, sleep } from '../core/runtime.ts'
import type { OutboxEntry, OutboxSettlement } from '../core/store.ts'
import { timeLimit } from '../core/time-limit.ts'
import { answersOf } from './answers.ts'
import { createHand } from './hand.ts'
import { type RelayEvent, type RelayOptions, resolveRelay } from './relay-options.ts'
import { tableOf } from './table.ts'
import { createWaveSize } from './wave-size.ts'

export type { RelayEvent, RelayOptions } from './relay-options.ts'

export interface Relay extends AsyncDisposable {
  /** Publishes from now on, whenever this relay holds the lease. Calling it again does nothing. */
  start(): void
  /** Finishes and settles the current publish call, then releases the lease. The relay cannot be started again. */
  stop(): Promise<void>
  /**
   * Resolves to `true` when no message is waiting, to `false` when the relay was stopped before that.
   * @throws the store's error, also when it does not answer within `leaseMs`; the relay itself goes on
   */
  drained(): Promise<boolean>
  /** Ends an idle wait: call it after a commit in the same process. */
  wake(): void
}

/** At most this many batches are read ahead, and this many published batches unrecorded in the store. */
const MOST_BATCHES = 3
/** With this many entries resting (waiting for a retry, or behind one), only entries that are due are read. */
const MOST_RESTING = 20_000
/** A broker may answer a page of HTML. Reasons of many messages are recorded by one statement, which has to fit. */
const MAX_REASON_LENGTH = 1_000

/**
 * Publishes the messages of the outbox, each at least once and always under its own id, in order per ordering key. Run
 * one in every process: the lease keeps all but one idle.
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
  /** Latest settlement per position. Kept until the store has it, so that a store outage does not cause duplicates. */
  const unsettled = new Map<number, OutboxSettlement>()
  /** By our own clock, counted from before the request: the lease never ends later for us than for the store. */
  let leaseEnds = Number.NEGATIVE_INFINITY
  /** Whether the store may have entries that were not read yet. */
  let more = true
  const size = createWaveSize(batchSize)
  /** Positions of entries whose call failed with nothing else in it: each goes by itself until it is out. */
  const alone = new Set<number>()
  const goesAlone = ({ position }: OutboxEntry) => alone.has(position)
  let failedLast = false
  let unwatch: Cancel | undefined
  const slower = () => backoff(runtime, options.backoffMs, options.maxBackoffMs)
  let storePauseMs = slower()
  let publishPauseMs = slower()

  const emit = (event: RelayEvent) => tell(options.onEvent, event, options.onListenerError)

  /** A store that never answers must not block the relay: after `leaseMs` another relay may have taken over anyway. */
  const inTime = <T>(asked: Promise<T>): Promise<T> =>
    timeLimit(runtime, asked, leaseMs, () => new Error(`the ${given.store.name} store did not answer in ${leaseMs} ms`))

  function wake(): void {
    woken = true
    endWait()
  }

  async function pause(ms: number): Promise<void> {
    if (!woken && !signal.aborted) {
      const waiting = new AbortController()
      // With an explicit reason: without one, every wake-up would create an error with a stack.
      endWait = () => waiting.abort('woken')
      await sleep(runtime, ms, waiting.signal)
      endWait = () => {}
    }
    woken = false
  }

  /** Pause after a failure. `wake` does not end it: new messages do not make the broker or the store work again. */
  async function rest(ms: number): Promise<void> {
    await sleep(runtime, ms, signal)
  }

  function lead(now: boolean): void {
    if (leading !== now) emit({ type: 'leading', leading: now })
    leading = now
  }

  /** Watches only while there is nothing to do: messages added while the broker fails must not cut the pauses short. */
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
      // A newer settlement may have been noted meanwhile.
      if (unsettled.get(one.position) === one) unsettled.delete(one.position)
      if (one.kind === 'parked') hand.remove(one.position)
    }
  }

  function note(settlements: readonly OutboxSettlement[]): void {
    for (const one of settlements) unsettled.set(one.position, one)
  }

  /** Takes or renews the lease, and reads entries that are not in memory yet. */
  async function take(limit: number): Promise<void> {
    const askedAt = runtime.elapsed()
    const renews = askedAt < leaseEnds
    // The lease was lost: another relay may have published the entries in memory.
    if (!renews) hand.drop()
    const gone = [...unsettled.values()].filter(({ kind }) => kind === 'published')
    const { positions, wanted } = hand.held()
    const held = [...positions, ...gone.map(({ position }) => position)]
    const most = hand.resting < MOST_RESTING ? limit : Math.min(limit, wanted)
    const taken = await inTime(table.take(name, leaseMs, most, held))
    // The lease ended during the call, so another relay may have held it in between. `taken` is not used either: it
    // lacks the earlier entries that are dropped here.
    const tooLate = renews && runtime.elapsed() >= leaseEnds
    if (taken === undefined || tooLate) hand.drop()
    else {
      hand.add(taken, taken.length < most)
      for (const one of taken) if (one.unreadable !== undefined) note([failed(one, one.unreadable, true)])
    }
    leaseEnds = taken === undefined ? Number.NEGATIVE_INFINITY : askedAt + leaseMs
    more = tooLate || taken?.length === most
    lead(taken !== undefined)
    watch(taken?.length === 0 && hand.size === 0 && hand.resting === 0)
  }

  /** Runs both calls concurrently and waits for both, also when one fails. */
  async function askStore(limit: number): Promise<void> {
    const answers = await Promise.allSettled([settle(), take(limit)])
    for (const answer of answers) if (answer.status === 'rejected') throw answer.reason
  }

  /** After a failed call the others go first: entries that fail whenever they are due would always be the oldest. */
  function nextWave(): readonly OutboxEntry[] {
    const together = hand.wave(size.limit, goesAlone)
    if (alone.size === 0 || (failedLast && together.length > 0)) return together
    const one = hand.wave(1, (entry) => !goesAlone(entry))
    return one.length > 0 ? one : together
  }

  /**
   * Publishes wave after wave while the store records the previous ones and returns further entries.
   * Returns whether there was, or is, anything to publish.
   */
  async function round(): Promise<boolean> {
    let wave = nextWave()
    const idle = wave.length === 0
    const room = idle ? batchSize : Math.max(mostAhead - hand.size, 0)
    // A relay that lost the lease must not go on: the next relay publishes the same messages.
    const leased = (forMs: number) => runtime.elapsed() + forMs < leaseEnds
    const isDue = idle || unsettled.size > 0 || (more && room > 0) || !leased(publishTimeoutMs)
    let asking = isDue
    const asked = isDue ? askStore(room) : Promise.resolve()
    const answered = () => {
      asking = false
    }
    // A failure is thrown by `await asked` below; this handler keeps it from being an unhandled rejection meanwhile.
    asked.then(answered, answered)
    let published = false
    for (let forMs = 0; wave.length > 0 && !signal.aborted && leased(forMs); forMs = publishTimeoutMs) {
      // These are published again if the process dies, so their number is limited.
      if (unsettled.size + wave.length > mostAhead) break
      published = true
      if (!(await publishWave(wave)) || !asking) break
      wave = nextWave()
    }
    await asked
    return published || hand.wave(1).length > 0
  }

  /** Returns `false` when nothing is known of the whole wave. */
  async function publishWave(wave: readonly OutboxEntry[]): Promise<boolean> {
    const startedAt = runtime.elapsed()
    let results: readonly PublishResult[]
    try {
      results = await answersOf(options, wave)
      failedLast = false
    } catch (error) {
      failedLast = true
      // A message that may break its calls says little of the broker: the pauses do not grow.
      if (wave.length > 1 || wave.every(goesAlone)) publishPauseMs = slower()
      const retryMs = publishPauseMs()
      emit({ type: 'publish-failed', ids: wave.map(({ id }) => id), error, retryMs })
      size.failed(wave.length)
      const [first] = wave
      if (wave.length === 1 && first !== undefined) {
        alone.add(first.position)
        note([failed(first, reasonOf(error), false)])
      }
      await rest(retryMs)
      return false
    }
    const settlements = wave.map((entry, index) => settlementOf(entry, results[index] as PublishResult))
    const published = settlements.filter(({ kind }) => kind === 'published').length
    if (published > 0) {
      publishPauseMs = slower()
      size.succeeded()
      emit({ type: 'published', count: published, tookMs: runtime.elapsed() - startedAt })
    }
    note(settlements)
    return true
  }

  function settlementOf(entry: OutboxEntry, result: PublishResult): OutboxSettlement {
    alone.delete(entry.position)
    if (!result.ok) return failed(entry, result.reason, result.permanent === true)
    hand.remove(entry.position)
    return { position: entry.position, kind: 'published' }
  }

  function failed(entry: OutboxEntry, reason: string, permanent: boolean): OutboxSettlement {
    const { position, id, topic } = entry
    const failures = entry.failures + 1
    const parked = permanent || failures >= options.maxFailures
    const retryMs = ceilingMs(options, failures) * (0.5 + runtime.random() / 2)
    if (parked) alone.delete(position)
    if (parked) hand.park(entry)
    else hand.tryAgain(entry, retryMs)
    emit({ type: 'refused', id, topic, reason, failures, parked, retryMs })
    return { position, kind: parked ? 'parked' : 'failed', reason: reason.slice(0, MAX_REASON_LENGTH), failures }
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
