import { backoff } from '../core/backoff.ts'
import { createPause } from '../core/pause.ts'
import { tell } from '../core/reporting.ts'
import { type Cancel, sleep } from '../core/runtime.ts'
import { timeLimit } from '../core/time-limit.ts'
import { createHand } from './hand.ts'
import { createLead } from './lead.ts'
import { type RelayEvent, type RelayOptions, resolveRelay } from './relay-options.ts'
import { createSending } from './sending.ts'
import { tableOf } from './table.ts'
import { createUnsettled } from './unsettled.ts'

export type { RelayEvent, RelayOptions } from './relay-options.ts'

/**
 * Publishes what waits in an outbox, oldest first. One relay at a time holds the lease; the others are idle until it is
 * released or over.
 */
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
  const idling = createPause(runtime)
  let woken = false
  let running: Promise<void> | undefined
  let unwatch: Cancel | undefined

  const emit = (event: RelayEvent) => tell(options.onEvent, event, options.onListenerError)

  /** A store that never answers must not block the relay: after `leaseMs` another relay may have taken over anyway. */
  const inTime = <T>(asked: Promise<T>): Promise<T> =>
    timeLimit(runtime, asked, leaseMs, () => new Error(`the ${given.store.name} store did not answer in ${leaseMs} ms`))

  const hand = createHand(runtime)
  const unsettled = createUnsettled()
  const sending = createSending(options, hand, unsettled, emit)
  const lead = createLead({
    options,
    take: (...asked) => inTime(table.take(...asked)),
    hand,
    unsettled,
    emit,
    onUnreadable: (entry, reason) => sending.refuse(entry, reason, true),
  })

  function wake(): void {
    woken = true
    idling.end()
  }

  /** What was added since the last round ends the wait before it begins. */
  async function idle(): Promise<void> {
    if (!woken && !signal.aborted) await idling.wait(pollMs)
    woken = false
  }

  /** Pause after a failure. `wake` does not end it: new messages do not make the broker or the store work again. */
  const rest = (ms: number) => sleep(runtime, ms, signal)

  /** Watches only while there is nothing to do: messages added while the broker fails must not cut the pauses short. */
  function watch(nothingToDo: boolean): void {
    if (nothingToDo) unwatch ??= table.watch?.(wake)
    else {
      unwatch?.()
      unwatch = undefined
    }
  }

  async function settle(): Promise<void> {
    const settled = await unsettled.settle((told) => inTime(table.settle(told)))
    for (const { position, kind } of settled) if (kind === 'parked') hand.remove(position)
  }

  async function take(limit: number): Promise<void> {
    const taken = await lead.take(limit)
    watch(taken === 0 && hand.size === 0 && hand.resting === 0)
  }

  /** Runs both calls concurrently and waits for both, also when one fails. */
  async function askStore(limit: number): Promise<void> {
    const answers = await Promise.allSettled([settle(), take(limit)])
    for (const answer of answers) if (answer.status === 'rejected') throw answer.reason
  }

  /**
   * Publishes wave after wave while the store records the previous ones and returns further entries.
   * Returns whether there was, or is, anything to publish.
   */
  async function round(): Promise<boolean> {
    let wave = sending.next()
    const nothing = wave.length === 0
    const room = nothing ? batchSize : Math.max(mostAhead - hand.size, 0)
    const isDue = nothing || unsettled.size > 0 || (lead.more && room > 0) || !lead.lasts(publishTimeoutMs)
    let asking = isDue
    const asked = isDue ? askStore(room) : Promise.resolve()
    const answered = () => {
      asking = false
    }
    // A failure is thrown by `await asked` below; this handler keeps it from being an unhandled rejection meanwhile.
    asked.then(answered, answered)
    let published = false
    for (let forMs = 0; wave.length > 0 && !signal.aborted && lead.lasts(forMs); forMs = publishTimeoutMs) {
      // These are published again if the process dies, so their number is limited.
      if (unsettled.size + wave.length > mostAhead) break
      published = true
      const pauseMs = await sending.publish(wave)
      if (pauseMs !== undefined) await rest(pauseMs)
      if (pauseMs !== undefined || !asking) break
      wave = sending.next()
    }
    await asked
    return published || hand.wave(1).length > 0
  }

  async function run(): Promise<void> {
    const slower = () => backoff(runtime, options.backoffMs, options.maxBackoffMs)
    let pauseMs = slower()
    while (!signal.aborted) {
      try {
        if (!(await round())) await idle()
        pauseMs = slower()
      } catch (error) {
        const retryMs = pauseMs()
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
    lead.over()
  }

  const stop = async (): Promise<void> => {
    stopping.abort()
    idling.end()
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
