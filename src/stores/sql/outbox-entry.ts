import { reasonOf } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import type { OutboxEntry, ParkedEntry } from '../../core/store.ts'
import { textOrRaw, unpackText } from '../../core/stored-text.ts'
import { asBytes, requireBytes } from '../../embedded/bytes.ts'
import { unpackHeaders } from '../../embedded/headers.ts'
import { count, type Row, text } from './rows.ts'

/** An entry that cannot be read must not hold up the others: it is returned with what is readable, and the reason. */
export function toEntry(row: Row): OutboxEntry {
  const position = count(row, 'position')
  try {
    return {
      position,
      id: unpackText(text(row, 'id')),
      topic: unpackText(text(row, 'topic')),
      body: Uint8Array.from(requireBytes(row.body, 'its body')),
      headers: unpackHeaders(text(row, 'headers')),
      ...(row.ordering_key === null ? {} : { orderingKey: unpackText(text(row, 'ordering_key')) }),
      failures: count(row, 'failures'),
    }
  } catch (error) {
    const pieces = piecesOf(row)
    const what = `outbox entry ${quote(pieces.id)} at position ${position} cannot be read (${reasonOf(error)})`
    const unreadable = `${what}: repair its row in the outbox and unpark it, or discard it`
    return { position, ...pieces, headers: {}, failures: 0, unreadable }
  }
}

export function toParked(row: Row, ageMs: number): ParkedEntry {
  const entry = toEntry(row)
  const { unreadable } = entry
  const parkedFor = rawText(row.reason)
  const reason =
    unreadable === undefined || unreadable === parkedFor
      ? parkedFor
      : `${unreadable}; it was parked before: ${parkedFor}`
  return { ...entry, reason, ageMs: Math.max(ageMs, 0) }
}

function piecesOf({ id, topic, body, ordering_key }: Row): Pick<OutboxEntry, 'id' | 'topic' | 'body' | 'orderingKey'> {
  return {
    id: rawText(id),
    topic: rawText(topic),
    body: Uint8Array.from(asBytes(body) ?? []),
    ...(ordering_key === null ? {} : { orderingKey: rawText(ordering_key) }),
  }
}

/** Returns '' for a missing value, such as bytes that are not text. */
function rawText(stored: unknown): string {
  return stored === undefined || stored === null ? '' : textOrRaw(stored)
}
