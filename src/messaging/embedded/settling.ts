import { packText } from '../../core/stored-text.ts'
import type { SqliteConnection } from '../../embedded/driver.ts'
import { change, rows } from '../../embedded/statements.ts'
import { ACK, BURY, EXTEND, LET_NEXT, PUT_OFF } from './sql.ts'

/** `lost`: the message was received by somebody else, or settled or put off before; nothing was changed. */
export type ReceiptOutcome = 'ok' | 'lost'

export type Settling =
  | { readonly kind: 'ack'; readonly receipt: string }
  | { readonly kind: 'retry' | 'extend'; readonly receipt: string; readonly ms: number }
  | {
      readonly kind: 'dead-letter'
      readonly receipt: string
      readonly reason: string
      readonly labels: Readonly<Record<string, string>>
    }

export function receiptOf(position: number, token: string): string {
  return `${position}.${token}`
}

/** Call inside a write transaction. */
export function settleOne(db: SqliteConnection, settling: Settling, now: number): ReceiptOutcome {
  const [position, token] = parsed(settling.receipt)
  switch (settling.kind) {
    case 'ack':
      return letNext(db, rows(db, ACK, position, token))
    case 'retry':
      return outcome(change(db, PUT_OFF, now + settling.ms, position, token))
    case 'extend':
      return outcome(change(db, EXTEND, now + settling.ms, position, token))
    case 'dead-letter': {
      const words = [packText(settling.reason), JSON.stringify(settling.labels)]
      return letNext(db, rows(db, BURY, now, ...words, position, token))
    }
  }
}

function parsed(receipt: string): readonly [position: number, token: string] {
  const dot = String(receipt).indexOf('.')
  const position = Number(receipt.slice(0, Math.max(dot, 0)))
  return [Number.isSafeInteger(position) ? position : 0, receipt.slice(dot + 1)]
}

/** Call inside a write transaction. Makes receivable what waits behind removed messages. */
export function letNext(db: SqliteConnection, removed: ReturnType<typeof rows>): ReceiptOutcome {
  for (const { queue, ordering_key } of removed) {
    if (ordering_key !== null) change(db, LET_NEXT, String(queue), String(ordering_key))
  }
  return outcome(removed.length)
}

function outcome(changed: number): ReceiptOutcome {
  return changed > 0 ? 'ok' : 'lost'
}
