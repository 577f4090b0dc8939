import { reasonOf } from '../../core/errors.ts'
import { packText } from '../../core/stored-text.ts'
import type { SqliteConnection } from '../../embedded/driver.ts'
import { change, rows } from '../../embedded/statements.ts'
import { messageOfRow, type QueueMessage } from './rows.ts'
import { letNext, receiptOf } from './settling.ts'
import { BURY_UNREADABLE, MAKE_DUE, RECEIVE } from './sql.ts'

/** A message as a consumer gets it. */
export interface ReceivedMessage extends QueueMessage {
  readonly headers: Readonly<Record<string, string>>
  /** Names this delivery in `ack`, `retry`, `deadLetter` and `extend`. Invalid once somebody else has the message. */
  readonly receipt: string
  /** How often the message was handed out, this time included. */
  readonly deliveries: number
  /** When it was first published, in ms since the epoch; redriving does not change it. */
  readonly publishedAt: number
}

export interface Receiving {
  readonly queue: string
  readonly max: number
  readonly visibilityMs: number
  readonly token: string
}

/** Call inside a write transaction. One that cannot be read is put aside, or it would block the others for ever. */
export function receiveDue(
  db: SqliteConnection,
  { queue, max, visibilityMs, token }: Receiving,
  now: number,
): readonly ReceivedMessage[] {
  const name = packText(queue)
  change(db, MAKE_DUE, name, now)
  const received: (ReceivedMessage & { readonly position: number })[] = []
  for (const row of rows(db, RECEIVE, now + visibilityMs, token, name, max)) {
    const position = Number(row.position)
    try {
      const [deliveries, publishedAt] = [Number(row.deliveries), Number(row.created_at)]
      received.push({ ...messageOfRow(row), receipt: receiptOf(position, token), deliveries, publishedAt, position })
    } catch (error) {
      letNext(db, rows(db, BURY_UNREADABLE, now, packText(reasonOf(error)), position))
    }
  }
  return received.sort((a, b) => a.position - b.position).map(({ position: _, ...message }) => message)
}
