import { reasonOf } from '../../core/errors.ts'
import type { SqliteConnection } from '../../embedded/driver.ts'
import { change, rows } from '../../embedded/statements.ts'
import { packText } from '../../embedded/text.ts'
import { messageOfRow, type QueueMessage } from './rows.ts'
import { letNext, receiptOf } from './settling.ts'
import { BURY_UNREADABLE, MAKE_DUE, RECEIVE } from './sql.ts'

/** A message as a consumer gets it. */
export interface ReceivedMessage extends QueueMessage {
  readonly headers: Readonly<Record<string, string>>
  /** What every answer about this message carries. Useless once somebody else was given the message. */
  readonly receipt: string
  /** How often the message was handed out, this time included. */
  readonly deliveries: number
  /** When it was published first, in ms since the epoch; to be redriven changes nothing of it. */
  readonly publishedAt: number
}

export interface Receiving {
  readonly queue: string
  readonly max: number
  readonly visibilityMs: number
  readonly token: string
}

/** Inside a write transaction. One that cannot be read is put aside, or it would hold up those received with it for ever. */
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
