import type { Backlog } from '../backlog.ts'
import type { Verdict } from '../delivery.ts'
import { labelsOf } from '../headers.ts'
import { orAgain } from '../or-again.ts'
import type { RocketMessage, RocketProducer } from './client.ts'
import type { HeldMessage } from './custody.ts'
import { copyOf } from './message.ts'

/** A longer wait is spent at the broker, which counts it as an attempt; a shorter one in this process. */
const LONGEST_WAIT_HERE_MS = 10_000
/** Invisible time of a message that is given back: almost none. */
const AT_ONCE_MS = 1

/** Carries out verdicts. While the consumer is stopping, messages to retry stay held and are given back later. */
export function settler(
  producer: RocketProducer,
  name: string,
  deadTopic: (topic: string) => string,
  backlog: Backlog<HeldMessage>,
  isEnding: () => boolean,
) {
  /** The next message with its key need not wait for the answer: without one, this message only comes a second time. */
  async function ack(held: HeldMessage): Promise<void> {
    await held.release()
    backlog.done(held)
    await held.client.ack(held.message)
  }

  async function sendCopy(message: RocketMessage, reason: string): Promise<void> {
    const { topic, messageId } = message
    await producer.send(copyOf(message, deadTopic(topic), labelsOf(name, `${topic}/${messageId}`, reason)))
  }

  /** The copy is stored before the original is acknowledged: a crash between leaves both, with the same id. */
  async function putAside(held: HeldMessage, reason: string): Promise<void> {
    await orAgain(held, isEnding, backlog.again, () => sendCopy(held.message, reason))
    // If it lapsed meanwhile, it comes once more and is put aside again.
    if (held.isOurs()) await ack(held)
  }

  async function sendBack(held: HeldMessage, delayMs: number): Promise<void> {
    await held.release()
    backlog.done(held)
    await held.client.changeInvisibleDuration(held.message, delayMs)
  }

  async function settle(held: HeldMessage, verdict: Verdict): Promise<void> {
    // Lapsed: the broker delivers it again.
    if (!held.isOurs()) return
    switch (verdict.kind) {
      case 'ack':
        return ack(held)
      case 'dead-letter':
        return putAside(held, verdict.reason)
      case 'retry':
        if (isEnding()) return
        // Sent back, a message would come again behind the next one with its key.
        if (held.orderingKey !== undefined || verdict.delayMs < LONGEST_WAIT_HERE_MS)
          return backlog.again(held, verdict.delayMs)
        return sendBack(held, verdict.delayMs)
      case 'none':
        return
    }
  }

  return { settle, giveBack: (held: HeldMessage) => sendBack(held, AT_ONCE_MS) }
}
