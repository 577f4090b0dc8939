import type { Runtime } from '../../core/runtime.ts'
import type { Held } from '../backlog.ts'
import type { ReadMessage } from './message.ts'

export interface HeldMessage extends Held, ReadMessage {
  readonly ackWaitMs: number
  /** Until then, by our clock, the server gives it to nobody else. */
  deadline: number
  /** The inbox has it. */
  begun: boolean
  /** The server is being asked for more time. */
  asking: boolean
  lost: boolean
}

/**
 * `askedAt`: when the server was asked for messages. It says nowhere when it handed one over, but that was not before,
 * however long the answer lay in a buffer: the ack wait is counted from there.
 */
export function heldMessage(
  read: ReadMessage,
  { ackWaitMs, askedAt, orderingKey }: { ackWaitMs: number; askedAt: number; orderingKey: string | undefined },
  runtime: Runtime,
): HeldMessage {
  const held: HeldMessage = {
    ...read,
    ackWaitMs,
    orderingKey,
    deadline: askedAt + ackWaitMs,
    begun: false,
    asking: false,
    lost: false,
    seen: false,
    isOurs: () => !held.lost && runtime.elapsed() < held.deadline,
  }
  return held
}
