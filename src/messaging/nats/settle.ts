import type { Backlog } from '../backlog.ts'
import type { Verdict } from '../delivery.ts'
import { labelsOf } from '../headers.ts'
import { orAgain } from '../or-again.ts'
import type { Custody } from './custody.ts'
import type { HeldMessage } from './held.ts'
import { copyOf } from './message.ts'
import type { CheckedSource } from './options.ts'

const ANSWER_LIMIT_MS = 5_000
const MAX_DELAY_MS = 24 * 60 * 60 * 1000

/** Carries out verdicts. */
export function settler(
  { connection, jetstream, headers, stream, deadSubject }: CheckedSource,
  name: string,
  custody: Custody,
  backlog: Backlog<HeldMessage>,
  isEnding: () => boolean,
) {
  function release(held: HeldMessage): void {
    custody.release(held)
    backlog.done(held)
  }

  function again(held: HeldMessage, ms: number): void {
    held.begun = false
    backlog.again(held, ms)
  }

  /** A lost acknowledgement only causes a redelivery of a message that is done: the next with its key need not wait. */
  async function acknowledge(held: HeldMessage): Promise<void> {
    release(held)
    if (!(await held.message.ackAck({ timeout: ANSWER_LIMIT_MS })))
      throw new Error(`message ${held.message.info.streamSequence} was answered for before`)
  }

  async function sendCopy(held: HeldMessage, reason: string): Promise<void> {
    const { message, unreadable } = held
    const why = unreadable === undefined ? reason : `${unreadable}; ${reason}`
    const labels = labelsOf(name, `${stream}/${message.info.streamSequence}`, why)
    const answer = await jetstream.publish(deadSubject, message.data, {
      headers: copyOf(held, labels, headers, connection.info?.max_payload),
      timeout: ANSWER_LIMIT_MS,
    })
    if (!answer.stream || answer.duplicate)
      throw new Error(`${answer.stream} did not store the copy sent to ${deadSubject}`)
  }

  /** The copy is stored before the original is acknowledged: a crash between leaves both, with the same id. */
  async function putAside(held: HeldMessage, reason: string): Promise<void> {
    await orAgain(held, isEnding, again, () => sendCopy(held, reason))
    // Another consumer has it by now, and will put it aside too.
    if (!held.isOurs()) return release(held)
    return acknowledge(held)
  }

  return async (held: HeldMessage, verdict: Verdict): Promise<void> => {
    // The server accepts an acknowledgement from anybody, even for a message that another consumer has now. One that is
    // not done is redelivered, and the next with its key must not go before it.
    if (!held.isOurs()) return verdict.kind === 'retry' ? custody.lose(held) : release(held)
    switch (verdict.kind) {
      case 'ack':
        return acknowledge(held)
      case 'dead-letter':
        return putAside(held, verdict.reason)
      case 'retry':
        // All held messages are given back together, in order, when the consumer ends.
        if (isEnding()) return
        // Tried again here, it would be handled before the earlier one is redelivered.
        if (held.behindLost) return custody.lose(held)
        // Given back, it would be delivered behind the next message with its key.
        if (held.orderingKey !== undefined) return again(held, verdict.delayMs)
        held.message.nak(Math.min(Math.ceil(verdict.delayMs), MAX_DELAY_MS))
        return release(held)
      case 'none':
        return undefined
    }
  }
}
