import { chance } from './chance.ts'

/** What goes wrong around one order on its way from the client to the gateway. */
export interface OrderFaults {
  /** How many clicks the customer makes at once. */
  readonly clicks: 1 | 2 | 3
  /** The client hangs up after this many milliseconds and asks again, whatever became of the first request. */
  readonly hangUpMs: number | undefined
  /** The gateway charges and answers after the caller has given up. */
  readonly lateCharge: boolean
}

/** What goes wrong with the message of one order on its way to one consumer. */
export interface MessageFaults {
  /** The broker delivers it this much later, behind messages that were published after it. */
  readonly delayMs: number | undefined
  /** The acknowledgement is lost, or the broker forgets it: the message is delivered again after this time. */
  readonly againAfterMs: number | undefined
}

/** Together they cause well over 20,000 duplicates of the 18,532 orders. */
const SHARE = { doubleClick: 0.35, tripleClick: 0.05, hangUp: 0.2, lateCharge: 0.08, again: 0.2, delayed: 0.05 }

const LONGEST_HANG_UP_MS = 40
const LONGEST_DELAY_MS = 400

/** A pure function of seed and order: all processes of both runs get the same faults. */
export function orderFaults(seed: number, orderId: string): OrderFaults {
  const click = chance(seed, orderId, 'click')
  const hangUp = chance(seed, orderId, 'hang-up') < SHARE.hangUp
  return {
    clicks: click < SHARE.tripleClick ? 3 : click < SHARE.tripleClick + SHARE.doubleClick ? 2 : 1,
    hangUpMs: hangUp ? 1 + Math.floor(chance(seed, orderId, 'patience') * LONGEST_HANG_UP_MS) : undefined,
    lateCharge: chance(seed, orderId, 'late') < SHARE.lateCharge,
  }
}

/** The same for a message's way to `consumer`. */
export function messageFaults(seed: number, orderId: string, consumer: string): MessageFaults {
  const pause = (kind: string) => 1 + Math.floor(chance(seed, orderId, consumer, kind, 'ms') * LONGEST_DELAY_MS)
  const strikes = (kind: 'again' | 'delayed') => chance(seed, orderId, consumer, kind) < SHARE[kind]
  return {
    delayMs: strikes('delayed') ? pause('delayed') : undefined,
    againAfterMs: strikes('again') ? pause('again') : undefined,
  }
}
