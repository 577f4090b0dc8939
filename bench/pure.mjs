import { createHash } from 'node:crypto'
import { fingerprintOf } from 'onlyonce'

const order = {
  order_id: '536365',
  customer_id: '17850',
  placed_on: '2010-12-01',
  amount_pence: 13912,
  lines: [1, 2, 3],
}

/** @returns {import('./slices.mjs').Case[]} */
export function pureCases() {
  const many = (/** @type {() => unknown} */ work) => () => {
    for (let i = 0; i < 100; i++) work()
  }
  return [
    {
      name: 'fingerprint of an order, × 100',
      callers: 1,
      base: async () => ({
        what: 'JSON.stringify + SHA-256',
        run: many(() => createHash('sha256').update(JSON.stringify(order)).digest('base64url')),
      }),
      ours: async () => ({ what: 'fingerprintOf', run: many(() => fingerprintOf(order)) }),
    },
  ]
}
