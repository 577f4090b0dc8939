import { types } from 'node:util'
import { OnlyonceError } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import { invalidOption, refuseUnknown } from '../../core/option-rules.ts'
import { named, naming, refuseTwice, type Target, targetOf } from '../natural/columns.ts'
import { whereKey } from '../natural/own-row.ts'
import { Statement } from '../natural/statement.ts'
import { columnName } from '../port/names.ts'
import { portOf } from '../port/of-tx.ts'
import type { SqlPort } from '../port/port.ts'
import type { SqlTx } from '../port/tx.ts'
import { columnInputOf, isJson, type SqlRow, type SqlValue } from '../port/values.ts'
import { checkMachine } from './machine.ts'
import type { TransitionOptions } from './options.ts'

const OPTIONS = ['machine', 'table', 'id', 'to', 'column', 'set', 'history', 'dialect'] as const

/** The statements of one transition. */
export interface Plan {
  /** For messages. */
  readonly label: string
  /** Runs the conditional UPDATE. Returns whether it moved the row. */
  update(): Promise<boolean>
  /** Returns the state of the row; undefined if there is no such row. */
  read(): Promise<string | undefined>
  /** @throws OnlyonceError OPTION_INVALID where no transaction is open */
  requireTransaction(): Promise<void>
  readonly removeHistory: (() => Promise<unknown>) | undefined
}

/** Checks all options before any statement runs. @throws OnlyonceError OPTION_INVALID, KEY_MISSING, KEY_INVALID */
export function planOf(tx: SqlTx, options: TransitionOptions): Plan {
  const { machine, table, id, to, column = 'state', set = {}, history, dialect } = named(options, OPTIONS)
  const port = portOf(tx, dialect)
  checkMachine(machine)
  if (!isJson(set) || Array.isArray(set) || types.isPromise(set))
    throw invalidOption('set', 'must be an object of columns', set)
  if (history !== undefined) refuseUnknown(history, ['table', 'row', 'key', 'compare'], 'history.')
  const sources = machine.sources(to)
  if (sources.length === 0) throw unreached(machine, to)
  if (history === undefined && machine.onCycle(to)) {
    throw refused(
      `${quote(machine.name)} can be in this state again and again, so the state alone cannot tell a late duplicate ` +
        'from a new event: give `history` with a key that names the event',
      to,
    )
  }
  if (history !== undefined && port.pooled) {
    throw refused(
      'a transition with history needs a transaction, and a pool gives each statement another one',
      'a pool',
    )
  }
  const row: SqlRow = isJson(id) ? (id as SqlRow) : { id: id as SqlValue }
  const target = targetOf(port, { table, row, key: Object.keys(row) })
  if (Object.hasOwn(set, column)) throw refused('`set` must not name the column of the state', column)
  refuseTwice(port, [column, ...Object.keys(set)])
  const others = Object.entries(set).map(([name, value]) => ({
    quoted: columnName(port, name),
    input: columnInputOf(port.dialect, name, value),
  }))
  const state = columnName(port, column)
  return {
    label: naming(target),
    async update() {
      const statement = new Statement(port)
      const values = [{ quoted: state, input: to }, ...others]
      const changes = values.map(({ quoted, input }) => `${quoted} = ${statement.bind(input)}`).join(', ')
      const row = whereKey(port, target.key, statement)
      const from = sources.map((source) => statement.bind(source)).join(', ')
      const telling = port.dialect === 'postgres' ? ' RETURNING 1' : ''
      const sql = `UPDATE ${target.table} SET ${changes} WHERE ${row} AND ${state} IN (${from})${telling}`
      return moved(await port.change(sql, statement.values), target)
    },
    async read() {
      const statement = new Statement(port)
      // A locking read: the transaction's snapshot may be older than the row that the UPDATE has seen.
      const lock = port.dialect === 'mysql' ? ' FOR UPDATE' : ''
      // As text, because a CHAR(n) is padded with blanks.
      const read = port.dialect === 'postgres' ? `${state}::text` : state
      const sql = `SELECT ${read} AS c0 FROM ${target.table} WHERE ${whereKey(port, target.key, statement)}${lock}`
      const [row] = await port.rows(sql, statement.values)
      return row && String(row.c0)
    },
    async requireTransaction() {
      if (await port.inTransaction()) return
      throw refused(
        'a transition with history needs a transaction: without one the history would say that it happened before it has',
        'a connection on which none is open',
      )
    },
    removeHistory: history && (() => remove(port, targetOf(port, history))),
  }
}

function remove(port: SqlPort, target: Target): Promise<unknown> {
  const statement = new Statement(port)
  return port.change(`DELETE FROM ${target.table} WHERE ${whereKey(port, target.key, statement)}`, statement.values)
}

function moved(changed: number | undefined, target: Target): boolean {
  if (changed === 0 || changed === 1) return changed === 1
  throw new OnlyonceError(
    'OPTION_INVALID',
    changed === undefined
      ? 'the executor does not tell how many rows an UPDATE changed, which is what decides; roll back'
      : `${naming(target)} is ${changed} rows and not one: all of them were changed, so roll back; give the columns of a unique index as \`id\``,
  )
}

function unreached({ name, states }: TransitionOptions['machine'], to: string): OnlyonceError {
  const rule = states.includes(to)
    ? `no transition of ${quote(name)} leads to ${quote(to)}`
    : `${quote(name)} has no state ${quote(to)}`
  return new OnlyonceError('OPTION_INVALID', rule)
}

function refused(rule: string, value: unknown): OnlyonceError {
  return new OnlyonceError('OPTION_INVALID', `${rule}; got ${quote(value)}`)
}
