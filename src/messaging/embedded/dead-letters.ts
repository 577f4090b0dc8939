import { reasonOf } from '../../core/errors.ts'
import { packText, textOrRaw } from '../../core/stored-text.ts'
import type { SqliteConnection } from '../../embedded/driver.ts'
import { change, type Row, rows } from '../../embedded/statements.ts'
import { messageOfRow, piecesOfRow, type QueueMessage } from './rows.ts'
import { DEAD, DEAD_POSITIONS, DISCARD, ONE_DEAD, PUBLISH, PUBLISH_IN_ORDER } from './sql.ts'

/** A message that was put aside, with its original bytes; if it cannot be read, with the parts that can. */
export interface DeadLetter extends QueueMessage {
  /** Names this dead letter when it is redriven or discarded. */
  readonly position: number
  readonly deliveries: number
  readonly deadAt: Date
  readonly reason: string
}

export function listDead(db: SqliteConnection, queue: string, after: number, limit: number): readonly DeadLetter[] {
  return rows(db, DEAD, packText(queue), after, limit).map((row) => ({
    ...readableOrPieces(row),
    position: Number(row.position),
    deliveries: Number(row.deliveries),
    deadAt: new Date(Number(row.dead_at)),
  }))
}

function readableOrPieces(row: Row) {
  const reason = textOrRaw(row.dead_reason)
  try {
    return { ...messageOfRow(row), reason }
  } catch (error) {
    const unreadable = reasonOf(error)
    const why = reason === unreadable ? reason : `${unreadable}; it was put aside before: ${reason}`
    return { ...piecesOfRow(row), reason: why }
  }
}

/**
 * Call inside a write transaction. Redriven messages go to the end, because later ones went on meanwhile, and count as
 * redelivered. One that cannot be read stays a dead letter: it would be put aside again when received.
 */
export function redrive(db: SqliteConnection, queue: string, positions: readonly number[]): number {
  let found = 0
  for (const position of positions) {
    for (const row of rows(db, ONE_DEAD, packText(queue), position)) {
      if (!isReadable(row)) continue
      discard(db, queue, [position])
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

function isReadable(row: Row): boolean {
  try {
    messageOfRow(row)
    return true
  } catch {
    return false
  }
}

function reinsert(db: SqliteConnection, queue: string, row: Row): void {
  const { id, topic, headers, deliveries, created_at, ordering_key } = row
  const { body } = messageOfRow(row)
  const rest = [Number(deliveries), String(id), String(topic), String(headers), Number(created_at), body] as const
  if (ordering_key === null) return void change(db, PUBLISH, queue, ...rest)
  const order = String(ordering_key)
  change(db, PUBLISH_IN_ORDER, queue, queue, order, order, ...rest)
}
