/** Pieces that several statements share, each a rule of `core/lifecycle.ts` in SQL. `o` is a row, `now` the store's clock. */

const asText = (column: string) => `CAST(o.${column} AS CHAR) AS ${column}`

/** Large numbers as text: how a driver returns them depends on the caller's settings. */
export const COLUMNS = [
  ...[
    'o.format',
    'o.id',
    'o.scope',
    'o.operation_key AS `key`',
    'o.fingerprint',
    'o.state',
    'o.owner',
    asText('fence'),
  ],
  ...['o.attempt', 'o.starts', asText('lease_until'), asText('retain_until'), asText('created_at'), 'o.steps'],
  ...['o.result_kind', 'o.result_body'],
].join(', ')

/** `lifecycle.FOREVER` in microseconds. */
export const FOREVER = '8640000000000000000'
export const LARGEST_FENCE = '9007199254740991'

/** The negation of `retained`: the key is new again. */
export const gone = (now: string): string => `(o.retain_until <= ${now} AND o.lease_until <= ${now})`

/** The lease in `a` still holds the record. */
export const held = (now: string): string =>
  `o.format = 1 AND o.owner = FROM_BASE64(a.owner) AND o.fence = a.fence AND NOT ${gone(now)}`

/**
 * `sweep_after` is a lower bound of the end of retention. It is kept if it is at most ten minutes too early, so that
 * most writes change no index.
 */
export const keptHint = (wanted: string): string =>
  `IF(o.sweep_after BETWEEN ${wanted} - 600000000 AND ${wanted}, o.sweep_after, ${wanted})`
