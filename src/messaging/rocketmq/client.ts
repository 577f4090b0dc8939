/** The part of `rocketmq-client-nodejs` we use, by shape. */
export interface RocketMessage {
  /** Made by the producer: different for a copy that was published again. */
  readonly messageId: string
  readonly topic: string
  readonly body: Buffer
  readonly keys: readonly string[]
  readonly properties: ReadonlyMap<string, string>
  readonly tag?: string | undefined
  readonly messageGroup?: string | undefined
  readonly bornTimestamp?: Date | undefined
  /** Only of a delayed message: the broker delivers it to nobody before. */
  readonly deliveryTimestamp?: Date | undefined
  /** Names this delivery to the broker; the client replaces it. */
  readonly receiptHandle?: string
  /** Number of deliveries, this one included; not reliable where the broker keeps an order. */
  readonly deliveryAttempt?: number | undefined
}

/** The part of a `SimpleConsumer` of `rocketmq-client-nodejs` we use: one that was started. */
export interface RocketConsumer {
  /** Waits on the broker's side when there is nothing. */
  receive(max: number, invisibleMs: number): Promise<readonly RocketMessage[]>
  ack(message: RocketMessage): Promise<unknown>
  /** Keeps the message from others for `ms` from now; the client stores the new receipt in the message. */
  changeInvisibleDuration(message: RocketMessage, ms: number): Promise<unknown>
  shutdown(): Promise<unknown>
}

/** A message to send; a new object for each send, because the client may keep it. */
export interface RocketOutgoing {
  topic: string
  body: Buffer
  keys?: string[]
  tag?: string
  properties?: Map<string, string>
  messageGroup?: string
  delay?: number
}

/** A `Producer` that was started. */
export interface RocketProducer {
  /** Resolves when the broker has the message; rejects for any other answer. */
  send(message: RocketOutgoing): Promise<unknown>
}

/** The codes of the proxy that we tell apart. */
export const CODE = {
  illegalTopic: 40_002,
  illegalTag: 40_004,
  illegalKey: 40_005,
  illegalGroup: 40_006,
  illegalProperty: 40_007,
  illegalDeliveryTime: 40_012,
  invalidReceipt: 40_013,
  conflictWithType: 40_014,
  payloadTooLarge: 41_300,
  bodyTooLarge: 41_301,
  bodyEmpty: 41_302,
  headersTooLarge: 43_100,
  propertiesTooLarge: 43_101,
} as const

/** Returns the proxy's code if the error has one. */
export function codeOf(error: unknown): number | undefined {
  const { code } = Object(error) as { readonly code?: unknown }
  return typeof code === 'number' ? code : undefined
}
