import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Operation } from '../../core/once.ts'
import type { Message } from '../../messaging/message.ts'
import type { Ledger, LedgerRow } from './harness.ts'
import { type Mishap, mishapsIn } from './moments.ts'
import { type Attempt, PARTS } from './oracles.ts'
import { pause } from './waiting.ts'

export type Delivers = 'at-most-once' | 'at-least-once' | 'exactly-once-effect'

export interface HandlerPlan {
  readonly consumer: string
  readonly mishaps?: readonly Mishap[]
  /** Default 0. Maximum time that the handler takes between its two writes. */
  readonly takesMs?: number
}

/** A handler with two writes, disturbed by mishaps. Under a lease its writes are fenced. */
export function twoWrites<Tx>(ledger: Ledger<Tx>, directory: string, { consumer, mishaps = [], takesMs }: HandlerPlan) {
  const meet = mishapsIn(directory, mishaps)

  async function run(message: Message, op: Operation, write: (row: LedgerRow) => Promise<void>): Promise<void> {
    const { id } = message
    const attempt: Attempt = { id, output: op.child('mail') }
    note(join(directory, 'attempts'), attempt)
    meet('begun', id)
    for (let part = 1; part <= PARTS; part++) {
      await write({ consumer, id, part, fence: op.fence, output: op.child('mail') })
      if (part === PARTS) continue
      meet('between', id)
      if (takesMs !== undefined) await pause(Math.random() * takesMs)
    }
    meet('written', id)
  }

  async function untilItEnds(...given: Parameters<typeof run>): Promise<void> {
    try {
      await run(...given)
    } finally {
      note(join(directory, 'ends'), given[0].id)
    }
  }

  return {
    meet,
    atomic: (message: Message, tx: Tx, op: Operation) => untilItEnds(message, op, (row) => ledger.write(tx, row)),
    leased: (message: Message, op: Operation) => untilItEnds(message, op, (row) => writeFenced(ledger, row)),
  }
}

/** What a handler should do under a lease: an owner that was replaced writes nothing more. */
function writeFenced<Tx>(ledger: Ledger<Tx>, row: LedgerRow): Promise<void> {
  return ledger.store.transaction(async (tx) => {
    const rows = await ledger.read(tx)
    const isReplaced = rows.some((one) => one.consumer === row.consumer && one.id === row.id && one.fence > row.fence)
    if (!isReplaced) await ledger.write(tx, row)
  })
}

/** Every start of a handler, in order, in any process and with any outcome. */
export const attemptsIn = (directory: string) => linesIn<Attempt>(join(directory, 'attempts'))

/** The ids of messages whose handler ended, with or without an error. */
export const endsIn = (directory: string) => linesIn<string>(join(directory, 'ends'))

function linesIn<Line>(path: string): readonly Line[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as Line)
}

function note(path: string, line: unknown): void {
  appendFileSync(path, `${JSON.stringify(line)}\n`)
}
