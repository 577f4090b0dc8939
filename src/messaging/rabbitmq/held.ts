import type { Held } from '../backlog.ts'
import type { OpenChannel } from './channel.ts'
import type { RabbitMessage } from './client.ts'
import { orderingKeyOf } from './message.ts'

export interface HeldMessage extends Held {
  readonly message: RabbitMessage
  readonly channel: OpenChannel
}

export function heldMessage(message: RabbitMessage, channel: OpenChannel): HeldMessage {
  return {
    message,
    channel,
    orderingKey: orderingKeyOf(message),
    isOurs: () => channel.isOpen,
    seen: false,
  }
}
