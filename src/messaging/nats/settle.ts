import type { Backlog } from '../backlog.ts'
import type { Verdict } from '../delivery.ts'
import type { Custody } from './custody.ts'
import type { HeldMessage } from './held.ts'
import { copyOf } from './message.ts'
import type { CheckedSource } from './options.ts'

const ANSWER_LIMIT_MS = 5_000
const MAX_DELAY_MS = 24 * 60 * 60 * 1000
/** After the copy of a message that is put aside was not taken. */
const REFUSED_PAUSE_MS = 1_000

/** Carries out verdicts. */
export function settler(
  { connection, jetstream, headers, deadSubject }: CheckedSource,
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

  /** A lost acknowledgement leads to one more delivery, of something that is done: the next with its key need not wait. */
  async function acknowledge(held: HeldMessage): Promise<void> {
    release(held)
    if (!(await held.message.ackAck({ timeout: ANSWER_LIMIT_MS })))
      throw new Error(`message ${held.message.info.streamSequence} was answered for before`)
  }

  /** The copy is safe before the original is forgotten: a crash between the two leaves both, with the same id. */
  async function putAside(held: HeldMessage, reason: string): Promise<void> {
    const { message } = held
    try {
      const { stream, duplicate } = await jetstream.publish(deadSubject, message.data, {
        headers: copyOf(message, reason, headers, connection.info?.max_payload),
        timeout: ANSWER_LIMIT_MS,
      })
      if (!stream || duplicate) throw new Error(`${stream} did not store the copy sent to ${deadSubject}`)
    } catch (error) {
      // Kept, and judged again in a while.
      if (held.isOurs() && !isEnding()) again(held, REFUSED_PAUSE_MS)
      throw error
    }
    // Somebody else has it by now, and will put it aside too.
    if (!held.isOurs()) return release(held)
    return acknowledge(held)
  }

  return async (held: HeldMessage, verdict: Verdict): Promise<void> => {
    // The server takes an acknowledgement from anybody: the one who has the message now would not be asked again.
    if (!held.isOurs()) return release(held)
    switch (verdict.kind) {
      case 'ack':
        return acknowledge(held)
      case 'dead-letter':
        return putAside(held, verdict.reason)
      case 'retry':
        // Given back in order, with all the others, in a moment.
        if (isEnding()) return
        // Given back, it would come behind the next message with its key.
        if (held.orderingKey !== undefined) return again(held, verdict.delayMs)
        held.message.nak(Math.min(Math.ceil(verdict.delayMs), MAX_DELAY_MS))
        return release(held)
      case 'none':
        return undefined
    }
  }
}
