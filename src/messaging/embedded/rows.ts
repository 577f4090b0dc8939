import { OnlyonceError, reasonOf } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import { textOrRaw, unpackText } from '../../core/stored-text.ts'
import { asBytes, requireBytes } from '../../embedded/bytes.ts'
import { unpackHeaders } from '../../embedded/headers.ts'
import type { Row } from '../../embedded/statements.ts'

/** A message as the outbox publishes it. */
export interface QueueMessage {
  /** What consumers deduplicate on. The queue does not: the same id published twice is delivered twice. */
  readonly id: string
  readonly topic: string
  readonly body: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
  /** Messages with the same ordering key are received one after the other, each when the one before is done. */
  readonly orderingKey?: string
}

export type WholeMessage = Required<Omit<QueueMessage, 'orderingKey'>> & QueueMessage

/** @throws OnlyonceError OUTCOME_UNKNOWN when the row was damaged */
export function messageOfRow(row: Row): WholeMessage {
  try {
    return {
      id: unpackText(String(row.id)),
      topic: unpackText(String(row.topic)),
      body: requireBytes(row.body, 'its body'),
      headers: unpackHeaders(String(row.headers)),
      ...(row.ordering_key === null ? {} : { orderingKey: unpackText(String(row.ordering_key)) }),
    }
  } catch (error) {
    const what = `message ${quote(row.id)} at position ${String(row.position)} cannot be read (${reasonOf(error)})`
    throw new OnlyonceError('OUTCOME_UNKNOWN', `${what}: repair or delete its row in onlyonce_queue`, { cause: error })
  }
}

/** Returns what can be read of a damaged row. */
export function piecesOfRow({ id, topic, body, ordering_key }: Row): WholeMessage {
  return {
    id: textOrRaw(id),
    topic: textOrRaw(topic),
    body: asBytes(body) ?? new Uint8Array(),
    headers: {},
    ...(ordering_key === null ? {} : { orderingKey: textOrRaw(ordering_key) }),
  }
}
