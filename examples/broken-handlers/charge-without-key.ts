import { type Example, first, type Kit, type Order, second } from './example.ts'

/** After a crash nobody knows whether the gateway has charged, and the next attempt charges again. */
async function broken({ id, pence }: Order, kit: Kit) {
  const once = kit.once({ scope: 'payments' })
  return once(`order:${id}`, async () => {
    const { nth } = await kit.outside('charge', { pence })
    return { charge: nth }
  })
}

/** The gateway gets the same key at every attempt, and charges once for it. */
async function repaired({ id, pence }: Order, kit: Kit) {
  const once = kit.once({ scope: 'payments' })
  return once(`order:${id}`, async (op) => {
    const { nth } = await op.step('charge', () => kit.outside('charge', { pence }, op.child('charge')))
    return { charge: nth }
  })
}

export const chargeWithoutKey: Example<Order> = { tables: [], message: first, other: second, broken, repaired }
