import { OnlyonceError } from '../../core/errors.ts'
import { aFunction, checkEach, invalidOption } from '../../core/option-rules.ts'
import type { Reconciled } from '../../core/options.ts'
import { portOf } from '../port/of-tx.ts'
import type { Row } from '../port/port.ts'
import type { DialectOption, SqlTx } from '../port/tx.ts'
import { inputOf, type SqlValue } from '../port/values.ts'
import { named } from './columns.ts'

/** What a judgement gets of the operation. */
export interface Judged {
  readonly scope: string
  readonly key: string
}

/** Finds out from the business data whether an operation happened. For `onAbandoned` and `check`. */
export type Judgement = (op: Judged) => Promise<Reconciled>

/** A connection to the business data, or a function that lends one, such as `(work) => store.transaction(work)`. */
export type SqlSource = SqlTx | ((work: (tx: SqlTx) => Promise<Reconciled>) => Promise<Reconciled>)

/** The question that `reconcile` asks the business tables. */
export interface ReconcileOptions extends DialectOption {
  /** A SELECT that finds a row exactly when the operation happened: "is there a coupon for order 1100?" */
  readonly sql: string
  /** Returns the values for the SELECT. Default: the key only. */
  readonly values?: (op: Judged) => readonly SqlValue[]
  /** Makes the result for duplicates from the row found. Default: `undefined`. */
  readonly value?: (row: Row) => unknown
}

/**
 * Makes a judgement from a SELECT on the business tables.
 * @throws OnlyonceError OPTION_INVALID; the judgement rejects with the driver's errors
 */
export function reconcile(source: SqlSource, options: ReconcileOptions): Judgement {
  const {
    sql,
    values = ({ key }) => [key],
    value,
    dialect,
  } = named<ReconcileOptions>(options, ['sql', 'values', 'value', 'dialect'])
  if (typeof sql !== 'string' || !/^\s*(select|with)\b/i.test(sql)) {
    throw new OnlyonceError(
      'OPTION_INVALID',
      'option `sql` must be a SELECT that finds a row when the operation happened',
    )
  }
  checkEach(aFunction, { values, value })
  if (typeof source !== 'function') portOf(source, dialect)
  return async (op) => {
    const given = values(op)
    if (!Array.isArray(given)) throw invalidOption('values', 'must answer a list of values', given)
    const inputs = given.map((one, nth) => inputOf(`${nth + 1}`, one))
    const judge = async (tx: SqlTx): Promise<Reconciled> => {
      const [row] = await portOf(tx, dialect).rows(sql, inputs)
      if (row === undefined) return { happened: false }
      return { happened: true, ...(value === undefined ? {} : { value: value(row) }) }
    }
    return typeof source === 'function' ? source(judge) : judge(source)
  }
}
