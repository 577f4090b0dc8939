import { OnlyonceError } from '../../core/errors.ts'
import type { Reconciled } from '../../core/options.ts'
import { portOf } from '../port/of-tx.ts'
import type { Row } from '../port/port.ts'
import type { DialectOption, SqlTx } from '../port/tx.ts'
import { inputOf, type SqlValue } from '../port/values.ts'

/** What a judgement is told about the operation it judges. */
export interface Judged {
  readonly scope: string
  readonly key: string
}

/** Tells from the business data whether an operation happened. Fits `onAbandoned` and `check`. */
export type Judgement = (op: Judged) => Promise<Reconciled>

/** Where the business data is: something to ask, or a function that lends one, such as `(work) => store.transaction(work)`. */
export type SqlSource = SqlTx | ((work: (tx: SqlTx) => Promise<Reconciled>) => Promise<Reconciled>)

export interface ReconcileOptions extends DialectOption {
  /** A SELECT that finds a row exactly when the operation happened: "is there a coupon for order 1100?" */
  readonly sql: string
  /** Its values, from the operation. Default: the key alone. */
  readonly values?: (op: Judged) => readonly SqlValue[]
  /** What duplicates are answered, from the row that was found. Default: `undefined`. */
  readonly value?: (row: Row) => unknown
}

/**
 * A judgement by a SELECT on the business tables.
 * @throws OnlyonceError OPTION_INVALID; the judgement throws what the driver throws
 */
export function reconcile(source: SqlSource, options: ReconcileOptions): Judgement {
  const { sql, values = ({ key }) => [key], value, dialect } = options
  if (typeof sql !== 'string' || !/^\s*(select|with)\b/i.test(sql)) {
    throw new OnlyonceError(
      'OPTION_INVALID',
      'option `sql` must be a SELECT that finds a row when the operation happened',
    )
  }
  return (op) => {
    const inputs = values(op).map((one, nth) => inputOf(`${nth + 1}`, one))
    const judge = async (tx: SqlTx): Promise<Reconciled> => {
      const [row] = await portOf(tx, dialect).rows(sql, inputs)
      if (row === undefined) return { happened: false }
      return { happened: true, ...(value === undefined ? {} : { value: value(row) }) }
    }
    return typeof source === 'function' ? source(judge) : judge(source)
  }
}
