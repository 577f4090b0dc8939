// Checked by the compiler (`npm run types`), never run.
import { expectTypeOf } from 'vitest'
import { insertOnce, type RowOf, type SqlRow, type SqlTx, upsert } from '../../src/guards/sql.ts'

declare const tx: SqlTx

interface Price {
  readonly sku: string
  readonly pence: number
  readonly changed: Date
  readonly note: string | null
}
declare const price: Price
declare const row: SqlRow

// A row whose type is an interface, which has no index signature, and whose columns are known all the same.
const inserted = insertOnce(tx, { table: 'prices', row: price, key: 'sku', compare: ['pence'] })
expectTypeOf(inserted).resolves.toEqualTypeOf<'inserted' | 'existed'>()
void upsert(tx, { table: 'prices', row: price, key: ['sku'], newer: 'changed' })
export const put = <Row extends RowOf<Row>>(one: Row, key: keyof Row & string) =>
  upsert(tx, { table: 'prices', row: one, key })
void put(price, 'sku')
// @ts-expect-error no such column
void insertOnce(tx, { table: 'prices', row: price, key: 'id' })
// @ts-expect-error no such column
void insertOnce(tx, { table: 'prices', row: { sku: 'mug' }, key: 'sku', compare: ['pence'] })

// A row whose columns are not known.
void insertOnce(tx, { table: 'prices', row, key: 'sku' })

// What no column can hold.
// @ts-expect-error undefined
void insertOnce(tx, { table: 'prices', row: { sku: 'mug', note: undefined }, key: 'sku' })
// @ts-expect-error a map
void upsert(tx, { table: 'prices', row: { sku: 'mug', note: new Map() }, key: 'sku' })
// @ts-expect-error no row
void upsert(tx, { table: 'prices', row: null, key: 'sku' })
