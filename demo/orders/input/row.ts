import type { Order } from '../order.ts'

export const COLUMNS = ['order_id', 'customer_id', 'placed_on', 'amount_pence'] as const

export type Row = Readonly<Record<(typeof COLUMNS)[number], unknown>>

export type Checked = { readonly order: Order } | { readonly problem: string }

/** A thousand million pounds: larger amounts are a mistake, and their sum might no longer be exact. */
const MAX_PENCE = 100_000_000_000
const MAX_TEXT = 200
/** What string concatenation makes of a missing value. Such an id identifies no order. */
const LEFTOVER = /\[object \w+\]|(?<![\p{L}\p{N}])(?:undefined|null|NaN)(?![\p{L}\p{N}])/u

/** Returns a valid order, or the reason why the row is not one. */
export function checkRow(row: Row): Checked {
  const orderId = textOf(row.order_id)
  const customerId = textOf(row.customer_id)
  const problem =
    textProblem('order_id', orderId) ??
    textProblem('customer_id', customerId) ??
    dateProblem(row.placed_on) ??
    amountProblem(row.amount_pence)
  if (problem !== undefined) return { problem }
  return {
    order: {
      orderId: orderId as string,
      customerId: customerId as string,
      placedOn: row.placed_on as string,
      amountPence: Number(row.amount_pence),
    },
  }
}

/** JSON may give an id as a number if it is exact. */
function textOf(value: unknown): unknown {
  return Number.isSafeInteger(value) ? String(value) : value
}

function textProblem(column: string, value: unknown): string | undefined {
  if (value === undefined || value === '') return `${column} is empty`
  if (typeof value !== 'string') return `${column} must be text; got ${show(value)}`
  if (value.trim() !== value) return `${column} ${show(value)} begins or ends with a blank`
  if (value.length > MAX_TEXT) return `${column} is longer than ${MAX_TEXT} characters`
  if (/\p{Cc}/u.test(value) || !value.isWellFormed()) return `${column} ${show(value)} contains control characters`
  if (LEFTOVER.test(value)) return `${column} ${show(value)} is what is left of a missing value`
  return undefined
}

function dateProblem(value: unknown): string | undefined {
  const iso = typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value)
  const date = iso ? new Date(`${value}T00:00:00Z`) : undefined
  if (date !== undefined && !Number.isNaN(date.getTime()) && date.toISOString().startsWith(value as string)) {
    return undefined
  }
  return `placed_on must be a date such as 2010-12-01; got ${show(value)}`
}

function amountProblem(value: unknown): string | undefined {
  const whole = typeof value === 'number' ? value : typeof value === 'string' && /^\d{1,15}$/.test(value) ? +value : NaN
  if (Number.isSafeInteger(whole) && whole >= 1 && whole <= MAX_PENCE) return undefined
  return `amount_pence must be a whole number from 1 to ${MAX_PENCE}; got ${show(value)}`
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length <= 60 ? text : `${text.slice(0, 57)}…`
}
