import { reasonOf } from '../core/errors.ts'
import type { Delivery } from './delivery.ts'

const brand: unique symbol = Symbol.for('onlyonce.unprocessable') as never

/** Thrown by a handler for a message that no retry can help: it is dead-lettered at once, with this message as reason. */
export class Unprocessable extends Error {
  override readonly name: string = 'Unprocessable'
  /** `Symbol.for`, so that two copies of the package in one process recognise each other's errors. */
  readonly [brand] = true

  /** True for errors of any copy of this package, where `instanceof` is not. */
  static is(value: unknown): value is Unprocessable {
    return value instanceof Error && brand in value
  }
}

/** What a handler is given. */
export interface Message {
  readonly id: string
  readonly source: string
  readonly coordinates?: string
  /** In ms since the epoch, by the broker's clock. */
  readonly publishedAt?: number
  readonly body: Uint8Array
  readonly headers: Readonly<Record<string, string>>
  readonly orderingKey?: string
  /** False only when the broker is sure that it delivered this message to nobody before. */
  readonly redelivered: boolean
  /**
   * The body as text.
   * @throws Unprocessable when the body is not UTF-8
   */
  text(): string
  /**
   * The body as a JSON value.
   * @throws Unprocessable when the body is not JSON in UTF-8
   */
  json(): unknown
}

export function messageOf(delivery: Delivery): Message {
  const { id, source, coordinates, publishedAt, body, headers, orderingKey, redelivered } = delivery
  const text = () => {
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(body)
    } catch (cause) {
      throw new Unprocessable(`the body of message ${id} is not UTF-8`, { cause })
    }
  }
  const json = (): unknown => {
    const read = text()
    try {
      return JSON.parse(read)
    } catch (cause) {
      throw new Unprocessable(`the body of message ${id} is not JSON: ${reasonOf(cause)}`, { cause })
    }
  }
  return {
    id,
    source,
    body,
    headers,
    redelivered: redelivered !== false,
    ...(coordinates !== undefined && { coordinates }),
    ...(publishedAt !== undefined && { publishedAt }),
    ...(orderingKey !== undefined && { orderingKey }),
    text,
    json,
  }
}
