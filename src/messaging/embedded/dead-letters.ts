import type { SqliteConnection } from '../../embedded/driver.ts'
import { change, type Row, rows } from '../../embedded/statements.ts'
import { packText, unpackText } from '../../embedded/text.ts'
import { messageOfRow, type QueueMessage } from './rows.ts'
import { DEAD, DEAD_POSITIONS, DISCARD, PUBLISH, PUBLISH_IN_ORDER, REDRIVE } from './sql.ts'

/** A message that was put aside, with its original bytes. */
export interface DeadLetter extends QueueMessage {
  /** Names this dead letter when it is redriven or discarded. */
  readonly position: number
  readonly deliveries: number
  readonly deadAt: Date
  readonly reason: string
}

export function listDead(db: SqliteConnection, queue: string, after: number, limit: number): readonly DeadLetter[] {
  return rows(db, DEAD, packText(queue), after, limit).map((row) => ({
    ...messageOfRow(row),
    position: Number(row.position),
    deliveries: Number(row.deliveries),
    deadAt: new Date(Number(row.dead_at)),
    reason: unpackText(String(row.dead_reason)),
  }))
}

/** Inside a write transaction. Redriven messages go to the end: the ones behind them went on meanwhile. */
export function redrive(db: SqliteConnection, queue: string, positions: readonly number[]): number {
  let found = 0
  for (const position of positions) {
    for (const row of rows(db, REDRIVE, packText(queue), position)) {
      reinsert(db, packText(queue), row)
      found++
    }
  }
  return found
}

export function discard(db: SqliteConnection, queue: string, positions: readonly number[]): number {
  return positions.reduce((found, position) => found + change(db, DISCARD, packText(queue), position), 0)
}

export function deadPositions(db: SqliteConnection, queue: string, limit: number): readonly number[] {
  return rows(db, DEAD_POSITIONS, packText(queue), limit).map(({ position }) => Number(position))
}

function reinsert(db: SqliteConnection, queue: string, row: Row): void {
  const { id, topic, headers, deliveries, created_at, ordering_key } = row
  const { body } = messageOfRow(row)
  const rest = [Number(deliveries), String(id), String(topic), String(headers), Number(created_at), body] as const
  if (ordering_key === null) return void change(db, PUBLISH, queue, ...rest)
  const order = String(ordering_key)
  change(db, PUBLISH_IN_ORDER, queue, queue, order, order, ...rest)
}
