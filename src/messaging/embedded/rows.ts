import { OnlyonceError, reasonOf } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import { asBytes, requireBytes } from '../../embedded/bytes.ts'
import type { Row } from '../../embedded/statements.ts'
import { unpackText } from '../../embedded/text.ts'

/** A message as it is published: what the outbox hands over. */
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
      headers: JSON.parse(String(row.headers)) as Record<string, string>,
      ...(row.ordering_key === null ? {} : { orderingKey: unpackText(String(row.ordering_key)) }),
    }
  } catch (error) {
    const what = `message ${quote(row.id)} at position ${String(row.position)} cannot be read (${reasonOf(error)})`
    throw new OnlyonceError('OUTCOME_UNKNOWN', `${what}: repair or delete its row in onlyonce_queue`, { cause: error })
  }
}

/** What can be read of a row that was damaged. */
export function piecesOfRow({ id, topic, body, ordering_key }: Row): WholeMessage {
  return {
    id: textOrRaw(id),
    topic: textOrRaw(topic),
    body: asBytes(body) ?? new Uint8Array(),
    headers: {},
    ...(ordering_key === null ? {} : { orderingKey: textOrRaw(ordering_key) }),
  }
}

/** Text, or as it is stored where that was damaged. */
export function textOrRaw(stored: unknown): string {
  try {
    return unpackText(String(stored))
  } catch {
    return String(stored)
  }
}
