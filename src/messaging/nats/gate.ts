import type { Runtime } from '../../core/runtime.ts'
import type { HeldMessage } from './held.ts'

/**
 * JetStream delivers new messages while earlier ones, delivered to a process that died, still wait for the end of their
 * ack wait. Messages with an ordering key wait here until the earlier ones have been redelivered.
 */
export interface Gate {
  readonly isClosed: boolean
  /** Time, by `elapsed`, from which on all outstanding messages have come back to the server. */
  readonly until: number
  /** `count` messages with sequences up to `upTo` are with unknown consumers, for `ms` at most. */
  missing(count: number, upTo: number, ms: number): void
  /** Messages may be missing: those that come are kept until it is known. */
  doubt(): void
  /** It is known, and was told to `missing`. */
  settleDoubt(): void
  /** This message is redelivered within `ms`. */
  lost(held: HeldMessage, ms: number): void
  /** Returns whether the message is kept here for now. `askedAt`: when the server was asked for it. */
  keeps(held: HeldMessage, askedAt: number): boolean
  /** The server had no more messages for the request sent at `askedAt`. */
  exhausted(askedAt: number): void
}

const OPEN = Number.NEGATIVE_INFINITY

/** When the gate opens, `letThrough` gets the kept messages, the earliest first. */
export function createGate(runtime: Runtime, letThrough: (held: HeldMessage) => void): Gate {
  let until = OPEN
  let kept: HeldMessage[] = []
  let missing = 0
  let upTo = 0
  let inDoubt = false
  /** Sequences that were redelivered; below, those awaited by number. */
  const back = new Set<number>()
  const awaited = new Set<number>()
  const seqOf = ({ message }: HeldMessage) => message.info.streamSequence

  function close(ms: number): void {
    until = Math.max(until, runtime.elapsed() + ms)
  }

  function open(): void {
    const through = kept.sort((a, b) => seqOf(a) - seqOf(b))
    until = OPEN
    kept = []
    missing = 0
    back.clear()
    awaited.clear()
    for (const held of through) if (held.isOurs()) letThrough(held)
  }

  return {
    get isClosed() {
      return until !== OPEN
    },
    get until() {
      return until
    },
    missing(count, last, ms) {
      missing = count
      upTo = last
      close(ms)
    },
    doubt() {
      inDoubt = true
    },
    settleDoubt() {
      inDoubt = false
      if (until === OPEN) open()
    },
    lost(held, ms) {
      awaited.add(seqOf(held))
      close(ms)
    },
    keeps(held, askedAt) {
      if (until === OPEN && !inDoubt) return false
      const seq = seqOf(held)
      const isKept = held.orderingKey !== undefined
      if (isKept) kept.push(held)
      awaited.delete(seq)
      if (seq <= upTo) back.add(seq)
      const allBack = awaited.size === 0 && back.size >= missing
      // The server redelivers messages before it delivers new ones.
      const nothingWaits = askedAt >= until && held.message.info.deliveryCount === 1
      if (!inDoubt && (allBack || nothingWaits)) open()
      return isKept
    },
    exhausted(askedAt) {
      if (!inDoubt && until !== OPEN && askedAt >= until) open()
    },
  }
}
