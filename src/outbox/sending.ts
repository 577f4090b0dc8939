import { backoff, ceilingMs } from '../core/backoff.ts'
import { reasonOf } from '../core/errors.ts'
import type { PublishResult } from '../core/publisher.ts'
import type { OutboxEntry, OutboxSettlement } from '../core/store.ts'
import { answersOf } from './answers.ts'
import type { Hand } from './hand.ts'
import type { RelayEvent, ResolvedRelay } from './relay-options.ts'
import type { Unsettled } from './unsettled.ts'
import { createWaveSize } from './wave-size.ts'

/** A broker may answer a page of HTML. Reasons of many messages are recorded by one statement, which has to fit. */
const MAX_REASON_LENGTH = 1_000

/** Hands entries to the broker, wave by wave, and notes what became of each. */
export interface Sending {
  /** The entries of the next call: at most as many as calls of late could carry. */
  next(): readonly OutboxEntry[]
  /** Returns `undefined`, or how long to pause when the call failed: then nothing is known of the whole wave. */
  publish(wave: readonly OutboxEntry[]): Promise<number | undefined>
  /** The entry is not published now: it is tried again later, or parked. */
  refuse(entry: OutboxEntry, reason: string, permanent: boolean): void
}

export function createSending(
  options: ResolvedRelay,
  hand: Hand,
  unsettled: Unsettled,
  emit: (event: RelayEvent) => void,
): Sending {
  const { runtime, batchSize, backoffMs, maxBackoffMs } = options
  const size = createWaveSize(batchSize)
  /** Positions of entries whose call failed with nothing else in it: each goes by itself until it is out. */
  const alone = new Set<number>()
  const goesAlone = ({ position }: OutboxEntry) => alone.has(position)
  let failedLast = false
  const slower = () => backoff(runtime, backoffMs, maxBackoffMs)
  let pauseMs = slower()

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

  function settlementOf(entry: OutboxEntry, result: PublishResult): OutboxSettlement {
    alone.delete(entry.position)
    if (!result.ok) return failed(entry, result.reason, result.permanent === true)
    hand.remove(entry.position)
    return { position: entry.position, kind: 'published' }
  }

  /** Returns how long to pause. */
  function callFailed(wave: readonly OutboxEntry[], error: unknown): number {
    failedLast = true
    // A message that may break its calls says little of the broker: the pauses do not grow.
    if (wave.length > 1 || wave.every(goesAlone)) pauseMs = slower()
    const retryMs = pauseMs()
    emit({ type: 'publish-failed', ids: wave.map(({ id }) => id), error, retryMs })
    // One that fails by itself says nothing of how many the broker takes.
    if (wave.length > 1) size.failed(wave.length)
    const [first] = wave
    if (wave.length === 1 && first !== undefined) {
      alone.add(first.position)
      unsettled.note([failed(first, reasonOf(error), false)])
    }
    return retryMs
  }

  return {
    /** After a failed call the others go first: entries that fail whenever they are due would always be the oldest. */
    next() {
      const together = hand.wave(size.limit, goesAlone)
      if (alone.size === 0 || (failedLast && together.length > 0)) return together
      const one = hand.wave(1, (entry) => !goesAlone(entry))
      return one.length > 0 ? one : together
    },
    async publish(wave) {
      const startedAt = runtime.elapsed()
      let results: readonly PublishResult[]
      try {
        results = await answersOf(options, wave)
      } catch (error) {
        return callFailed(wave, error)
      }
      failedLast = false
      const settlements = wave.map((entry, index) => settlementOf(entry, results[index] as PublishResult))
      const published = settlements.filter(({ kind }) => kind === 'published').length
      if (published > 0) {
        pauseMs = slower()
        size.succeeded()
        emit({ type: 'published', count: published, tookMs: runtime.elapsed() - startedAt })
      }
      unsettled.note(settlements)
      return undefined
    },
    refuse: (entry, reason, permanent) => unsettled.note([failed(entry, reason, permanent)]),
  }
}
