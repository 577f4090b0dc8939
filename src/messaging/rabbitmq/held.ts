import type { Held } from '../backlog.ts'
import { ORDERING_KEY_HEADER } from '../headers.ts'
import type { OpenChannel } from './channel.ts'
import type { RabbitMessage } from './client.ts'
import { headersOf } from './message.ts'

export interface HeldMessage extends Held {
  readonly message: RabbitMessage
  readonly channel: OpenChannel
}

export function heldMessage(message: RabbitMessage, channel: OpenChannel): HeldMessage {
  const key = headersOf(message)[ORDERING_KEY_HEADER]
  return {
    message,
    channel,
    orderingKey: typeof key === 'string' ? key : undefined,
    isOurs: () => channel.isOpen,
    seen: false,
  }
}
