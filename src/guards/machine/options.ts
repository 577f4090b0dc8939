import type { InsertOnceOptions } from '../natural/insert-once.ts'
import type { DialectOption } from '../port/tx.ts'
import type { SqlRow, SqlValue } from '../port/values.ts'
import type { StateMachine } from './machine.ts'

/**
 * Which row is to move, to which state, by which machine. An unknown or missing option is OPTION_INVALID, and nothing
 * is written.
 */
export interface TransitionOptions<State extends string = string, To extends State = State> extends DialectOption {
  /** What `stateMachine` returned: a transition that it does not have is `illegal`. */
  readonly machine: StateMachine<State, To>
  /** `table` or `schema.table`, spelled as the database keeps it. */
  readonly table: string
  /** The row: the value of its column `id`, or columns by name, such as `{ order_id: 1100 }`. */
  readonly id: SqlValue | SqlRow
  /** The state that the event leads to. One that no transition leads to does not compile. */
  readonly to: NoInfer<To>
  /** Default `'state'`. The column that holds the state, as text. */
  readonly column?: string
  /** Default: none. Other columns to write, only if the row moves. */
  readonly set?: SqlRow
  /**
   * Default: none. A row for each event, written with `insertOnce` in the same transaction: an existing one means that this event has
   * been handled. Required if `to` is on a cycle; refused without an open transaction.
   */
  readonly history?: Pick<InsertOnceOptions, 'table' | 'row' | 'compare'> & { readonly key: string | readonly string[] }
}

/** `state` is the current state of the row, which may not be one of the machine's. */
export type TransitionOutcome<To extends string = string> =
  | { readonly kind: 'moved'; readonly state: To }
  | { readonly kind: 'already'; readonly state: string }
  | { readonly kind: 'illegal'; readonly state: string }
  | { readonly kind: 'missing' }
