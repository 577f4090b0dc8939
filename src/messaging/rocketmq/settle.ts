import type { Backlog } from '../backlog.ts'
import type { Verdict } from '../delivery.ts'
import type { RocketProducer } from './client.ts'
import type { HeldMessage } from './custody.ts'
import { copyOf } from './message.ts'

/** A longer wait is spent at the broker, which counts it as an attempt; a shorter one here. */
const LONGEST_WAIT_HERE_MS = 10_000
/** After RocketMQ did not take a copy: its topic is missing, or the broker is busy or full. */
const REFUSED_PAUSE_MS = 1_000
/** To give a message back is to keep it from others for almost no time. */
const AT_ONCE_MS = 1

/** Carries out verdicts. While the consumer ends, what is to be retried stays held, and is given back in the end. */
export function settler(
  producer: RocketProducer,
  deadTopic: (topic: string) => string,
  backlog: Backlog<HeldMessage>,
  isEnding: () => boolean,
) {
  /** The next with its key may go before the answer is here: without one, this message only comes a second time. */
  async function ack(held: HeldMessage): Promise<void> {
    await held.release()
    backlog.done(held)
    await held.client.ack(held.message)
  }

  /** The copy is safe before the original is forgotten: a crash between the two leaves both, with the same id. */
  async function putAside(held: HeldMessage, reason: string): Promise<void> {
    const { message } = held
    try {
      await producer.send(copyOf(message, deadTopic(message.topic), reason))
    } catch (error) {
      if (held.isOurs() && !isEnding()) backlog.again(held, REFUSED_PAUSE_MS)
      throw error
    }
    // Lapsed meanwhile, it comes once more and is put aside again.
    if (held.isOurs()) await ack(held)
  }

  async function sendBack(held: HeldMessage, delayMs: number): Promise<void> {
    await held.release()
    backlog.done(held)
    await held.client.changeInvisibleDuration(held.message, delayMs)
  }

  async function settle(held: HeldMessage, verdict: Verdict): Promise<void> {
    // Lapsed: the broker hands it over again.
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
