import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Operation } from '../../core/once.ts'
import type { Message } from '../../messaging/message.ts'
import type { Ledger } from './harness.ts'
import { type Mishap, mishapsIn } from './moments.ts'
import { PARTS } from './oracles.ts'
import { pause } from './waiting.ts'

export type Delivers = 'at-most-once' | 'at-least-once' | 'exactly-once-effect'

export interface HandlerPlan {
  readonly consumer: string
  readonly mishaps?: readonly Mishap[]
  /** Default 0. How long the handler takes between its two writes, at most. */
  readonly takesMs?: number
}

/** A handler of two writes, with mishaps on its way. What it writes under a lease is fenced. */
export function twoWrites<Tx>(ledger: Ledger<Tx>, directory: string, { consumer, mishaps = [], takesMs }: HandlerPlan) {
  const meet = mishapsIn(directory, mishaps)

  async function run(message: Message, op: Operation, write: (row: Row) => Promise<void>): Promise<void> {
    const { id } = message
    appendFileSync(join(directory, 'starts'), `${JSON.stringify(id)}\n`)
    meet('begun', id)
    for (let part = 1; part <= PARTS; part++) {
      await write({ consumer, id, part, fence: op.fence, output: op.child('mail') })
      if (part === PARTS) continue
      meet('between', id)
      if (takesMs !== undefined) await pause(Math.random() * takesMs)
    }
    meet('written', id)
  }

  return {
    meet,
    atomic: (message: Message, tx: Tx, op: Operation) => run(message, op, (row) => ledger.write(tx, row)),
    leased: (message: Message, op: Operation) => run(message, op, (row) => writeFenced(ledger, row)),
  }
}

type Row = Parameters<Ledger<unknown>['write']>[1]

/** As a handler should under a lease: who was replaced writes nothing any more. */
function writeFenced<Tx>(ledger: Ledger<Tx>, row: Row): Promise<void> {
  return ledger.store.transaction(async (tx) => {
    const rows = await ledger.read(tx)
    const isReplaced = rows.some((one) => one.consumer === row.consumer && one.id === row.id && one.fence > row.fence)
    if (!isReplaced) await ledger.write(tx, row)
  })
}

/** The ids of messages whose handler started, in order, by whatever process. */
export function startsIn(directory: string): readonly string[] {
  const path = join(directory, 'starts')
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as string)
}
