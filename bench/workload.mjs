// The work: the same on every side of every comparison. A key of 36 characters, a result of 200 bytes as JSON.
import { randomUUID } from 'node:crypto'

export const order = Object.freeze({
  order_id: '536365',
  customer_id: '17850',
  placed_on: '2010-12-01',
  amount_pence: 13_912,
  lines: [1, 2, 3],
})

export const result = Object.freeze({ receipt: 'r_1', pence: 13_912, note: 'x'.repeat(200 - 41) })
export const resultJson = JSON.stringify(result)
if (resultJson.length !== 200) throw new Error(`the result has ${resultJson.length} bytes, not 200`)

export const effect = async () => result
export const newKey = () => randomUUID()

export const LEASE_MS = 30_000
export const RETENTION_MS = 86_400_000

/** Number of completed operations that duplicates repeat. */
export const KNOWN = 1_000
/** @param {readonly string[]} keys @param {number} n */
export const oneOf = (keys, n) => /** @type {string} */ (keys[n % keys.length])
export const newKeys = (count = KNOWN) => Array.from({ length: count }, newKey)

/** `work` for each item, `width` at a time. @template T @param {readonly T[]} items @param {number} width @param {(item: T) => unknown} work */
export async function each(items, width, work) {
  let next = 0
  const worker = async () => {
    while (next < items.length) await work(/** @type {T} */ (items[next++]))
  }
  await Promise.all(Array.from({ length: width }, worker))
}
