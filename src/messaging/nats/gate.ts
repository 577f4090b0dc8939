import type { Runtime } from '../../core/runtime.ts'
import type { HeldMessage } from './held.ts'

/**
 * JetStream hands out what was never handed out while earlier messages, given to a process that died, still wait for the
 * end of their ack wait. Where order counts, the later ones wait here until the earlier ones have come again.
 */
export interface Gate {
  readonly isClosed: boolean
  /** From this moment on, by `elapsed`, everything that was out has come back to the server. */
  readonly until: number
  /** `count` messages with a sequence up to `upTo` are out, nobody knows where, for `ms` at most. */
  missing(count: number, upTo: number, ms: number): void
  /** This one comes again within `ms`. */
  lost(held: HeldMessage, ms: number): void
  /** Whether it is kept here for now. `askedAt`: when the server was asked for it. */
  keeps(held: HeldMessage, askedAt: number): boolean
  /** The server had nothing more for a request of that time. */
  exhausted(askedAt: number): void
}

const OPEN = Number.NEGATIVE_INFINITY

/** `letThrough` is handed what was kept, the earliest first, when the gate opens. */
export function createGate(runtime: Runtime, letThrough: (held: HeldMessage) => void): Gate {
  let until = OPEN
  let kept: HeldMessage[] = []
  let missing = 0
  let upTo = 0
  /** Sequences that came again, or are awaited by number. */
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
    lost(held, ms) {
      awaited.add(seqOf(held))
      close(ms)
    },
    keeps(held, askedAt) {
      if (until === OPEN) return false
      const seq = seqOf(held)
      const isKept = held.orderingKey !== undefined
      if (isKept) kept.push(held)
      awaited.delete(seq)
      if (seq <= upTo) back.add(seq)
      const allBack = awaited.size === 0 && back.size >= missing
      // What comes again is handed out before what is new.
      const nothingWaits = askedAt >= until && held.message.info.deliveryCount === 1
      if (allBack || nothingWaits) open()
      return isKept
    },
    exhausted(askedAt) {
      if (until !== OPEN && askedAt >= until) open()
    },
  }
}
