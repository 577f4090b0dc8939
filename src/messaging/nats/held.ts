import type { Runtime } from '../../core/runtime.ts'
import type { Held } from '../backlog.ts'
import type { ReadMessage } from './message.ts'

export interface HeldMessage extends Held, ReadMessage {
  readonly ackWaitMs: number
  /** Time by our clock until which the server gives the message to nobody else. */
  deadline: number
  /** It was handed to the inbox. */
  begun: boolean
  /** The server is being asked for more time. */
  asking: boolean
  lost: boolean
  /** An earlier message with its ordering key was lost while both were handled in one batch. */
  behindLost: boolean
}

/**
 * `askedAt`: when the server was asked for messages. It does not say when it delivered one, but that was not earlier,
 * however long the message lay in a buffer: the ack wait is counted from there.
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
    behindLost: false,
    seen: false,
    isOurs: () => !held.lost && runtime.elapsed() < held.deadline,
  }
  return held
}
