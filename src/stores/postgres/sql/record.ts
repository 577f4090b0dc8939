import { FORGOTTEN } from '../../sql/forgotten.ts'

/** SQL shared by several statements, each a rule of `core/lifecycle.ts`. `o` is a row, `now` the store's clock. */

const COLUMNS = [
  ...['format', 'id', 'scope', 'key', 'fingerprint', 'state', 'owner', 'fence', 'attempt', 'starts'],
  ...['lease_until', 'retain_until', 'created_at', 'steps', 'result_kind', 'result_body'],
] as const

export const columnsOf = (row: string): string => COLUMNS.map((column) => `${row}.${column}`).join(', ')

/** `lifecycle.FOREVER` in microseconds. */
export const FOREVER = '8640000000000000000'

export const LARGEST_FENCE = '9007199254740991'

/** The negation of `retained`: the key is new again. */
export const gone = (o: string, now: string): string => `(${o}.retain_until <= ${now} AND ${o}.lease_until <= ${now})`

/**
 * Whether `decideClaim` grants the row to `asked`. A row that is unreadable here, or belongs to another operation, is
 * not granted: the code that reads it reports that.
 */
export const claimable = (o: string, asked: string, now: string): string => `(
  ${o}.format = ${FORGOTTEN} OR ${o}.format = 1 AND ${o}.fence < ${LARGEST_FENCE}
  AND (${o}.scope IS NULL OR ${asked}.scope IS NULL OR ${o}.scope = ${asked}.scope)
  AND (${o}.key IS NULL OR ${asked}.key IS NULL OR ${o}.key = ${asked}.key)
  AND (${gone(o, now)} OR (
    ${o}.fingerprint = ${asked}.fingerprint AND ${o}.owner <> ${asked}.owner
    AND (${o}.state = 0 OR (${o}.state = 1 AND ${o}.lease_until <= ${now})))))`

/**
 * `sweep_after` is a lower bound of the end of retention. It is left unchanged while close to it, so that a write which
 * only moves the end changes no indexed column, and PostgreSQL need not write to any index (HOT).
 */
export const keptHint = (o: string, wanted: string): string =>
  `CASE WHEN ${o}.sweep_after BETWEEN ${wanted} - 600000000 AND ${wanted} THEN ${o}.sweep_after ELSE ${wanted} END`

/** Notifies the registered waiters of `id`. Without one nothing is sent: NOTIFY takes a global lock at commit. */
export const notified = (channel: string, waiters: string, id: string): string =>
  `(SELECT count(pg_notify('${channel}', w.id::text)) FROM ${waiters} w WHERE w.id = ${id})`
