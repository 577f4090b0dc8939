/** The part of a delivered message of `amqplib` we use. */
export interface RabbitMessage {
  readonly content: Uint8Array
  readonly fields: { readonly deliveryTag: number; readonly redelivered: boolean }
  readonly properties: { readonly messageId?: unknown; readonly timestamp?: unknown; readonly headers?: unknown }
}

/** The part of a confirm channel of `amqplib` we use. */
export interface RabbitChannel {
  assertQueue(queue: string, options: RabbitQueueOptions): Promise<unknown>
  prefetch(count: number): Promise<unknown>
  consume(
    queue: string,
    onMessage: (message: RabbitMessage | null) => void,
    options: { readonly noAck: false },
  ): Promise<{ readonly consumerTag: string }>
  cancel(consumerTag: string): Promise<unknown>
  ack(message: RabbitMessage): void
  publish(
    exchange: string,
    routingKey: string,
    content: Buffer,
    options: Record<string, unknown>,
    answered: (error: unknown) => void,
  ): boolean
  on(event: string, listener: (...args: unknown[]) => void): unknown
  close(): Promise<unknown>
}

/** The part of the options of `assertQueue` of `amqplib` we use. */
export interface RabbitQueueOptions {
  readonly durable: true
  readonly arguments: Readonly<Record<string, unknown>>
}

/** The part of a connection of `amqplib` we use, also of one that recovers by itself. */
export interface RabbitConnection {
  createConfirmChannel(): Promise<RabbitChannel>
  on(event: string, listener: (...args: unknown[]) => void): unknown
  close(): Promise<unknown>
}
