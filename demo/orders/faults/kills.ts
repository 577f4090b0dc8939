import { chance } from './chance.ts'

/** `publisher` is the process that publishes: the relay if there is one, else an API worker. */
export const VICTIMS = ['api-1', 'coupon', 'publisher', 'fulfilment', 'api-2', 'points'] as const
export type Victim = (typeof VICTIMS)[number]

export interface Kill {
  /** Due when this many orders were answered. */
  readonly afterOrders: number
  readonly victim: Victim
}

/** Kills end before the orders do, so that they hit workers while they work. */
const FIRST = 0.03
const LAST = 0.9

/** Spread evenly over the run and the workers; the seed moves each kill within its share. */
export function killPlan(seed: number, kills: number, orders: number): readonly Kill[] {
  const share = (LAST - FIRST) / Math.max(kills, 1)
  return Array.from({ length: kills }, (_, index) => ({
    afterOrders: Math.ceil(orders * (FIRST + share * (index + chance(seed, 'kill', index)))),
    victim: VICTIMS[(index + seed) % VICTIMS.length] as Victim,
  }))
}
