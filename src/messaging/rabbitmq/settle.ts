import { reasonOf } from '../../core/errors.ts'
import type { Runtime } from '../../core/runtime.ts'
import { timeLimit } from '../../core/time-limit.ts'
import type { Backlog } from '../backlog.ts'
import type { Verdict } from '../delivery.ts'
import { labelsOf, REASON_HEADER } from '../headers.ts'
import { orAgain } from '../or-again.ts'
import { NotConfirmed } from './confirms.ts'
import type { HeldMessage } from './held.ts'
import { bareCopyOf, copyOf } from './message.ts'
import { deadQueue, retryQueue } from './queues.ts'

/** How long `stop` waits for the confirmation of a copy. Before that there is no limit: another try is another copy. */
const LAST_ANSWER_MS = 5_000

/** Carries out verdicts about messages of `queue`. */
export function settler(
  queue: string,
  name: string,
  backlog: Backlog<HeldMessage>,
  runtime: Runtime,
  ending: AbortSignal,
) {
  const limits = new Set<() => void>()
  ending.addEventListener('abort', () => {
    for (const limit of limits) limit()
  })

  /** A message whose copy is not confirmed in time goes back with its channel, though the copy may exist. */
  function confirmed(sent: Promise<void>): Promise<void> {
    const silent = () => new Error(`RabbitMQ did not answer within ${LAST_ANSWER_MS} ms`)
    const limited = () => timeLimit(runtime, sent, LAST_ANSWER_MS, silent)
    if (ending.aborted) return limited()
    return new Promise((resolve, reject) => {
      const limit = () => void limited().then(resolve, reject)
      limits.add(limit)
      void sent.then(resolve, reject).finally(() => limits.delete(limit))
    })
  }

  /** The copy is stored before the original is acknowledged: a crash between leaves both, with the same id. */
  async function sendOn(held: HeldMessage, send: () => Promise<void>): Promise<void> {
    const { channel, message } = held
    // Kept if that fails: given back, it would come again at once and use up the broker's delivery limit.
    await orAgain(
      held,
      () => ending.aborted,
      backlog.again,
      () => confirmed(send()),
    )
    channel.ack(message)
    backlog.done(held)
  }

  /** What other clients send, amqplib can read, but not always send again: a header table above 64 KiB, for one. */
  async function sendAside({ channel, message }: HeldMessage, reason: string): Promise<void> {
    const to = deadQueue(queue)
    try {
      await channel.send(to, message.content, copyOf(message, labelsOf(name, queue, reason)))
    } catch (error) {
      if (error instanceof NotConfirmed) throw error
      const why = `its headers cannot be sent again, and are left out (${reasonOf(error)}); ${reason}`
      await channel.send(to, message.content, bareCopyOf(message, labelsOf(name, queue, why)))
    }
  }

  return async (held: HeldMessage, verdict: Verdict): Promise<void> => {
    const { channel, message, orderingKey } = held
    // Taken back by the broker, which delivers it again.
    if (!channel.isOpen) return backlog.done(held)
    switch (verdict.kind) {
      case 'ack':
        channel.ack(message)
        return backlog.done(held)
      case 'dead-letter':
        return sendOn(held, () => sendAside(held, verdict.reason))
      case 'retry': {
        // Goes back to its place, before later messages, when the channel is closed soon.
        if (ending.aborted) return
        // Through a retry queue it would come back behind the next message with its key.
        if (orderingKey !== undefined) return backlog.again(held, verdict.delayMs)
        const delayMs = Math.max(1, verdict.delayMs)
        const copy = { ...copyOf(message, { [REASON_HEADER]: verdict.reason }), expiration: String(delayMs) }
        return sendOn(held, () => channel.send(retryQueue(queue, delayMs), message.content, copy))
      }
      case 'none':
        return undefined
    }
  }
}
