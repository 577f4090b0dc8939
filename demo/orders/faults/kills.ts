import { chance } from './chance.ts'

/** `publisher` is whoever publishes: the relay where there is one, an API worker where there is none. */
export const VICTIMS = ['api-1', 'coupon', 'publisher', 'fulfilment', 'api-2', 'points'] as const
export type Victim = (typeof VICTIMS)[number]

export interface Kill {
  /** Due as soon as so many orders were answered. */
  readonly afterOrders: number
  readonly victim: Victim
}

/** Kills end before the orders do, so that they hit workers at work. */
const FIRST = 0.03
const LAST = 0.9

/** Spread evenly over the run and over the workers; the seed moves each of them within its share. */
export function killPlan(seed: number, kills: number, orders: number): readonly Kill[] {
  const share = (LAST - FIRST) / Math.max(kills, 1)
  return Array.from({ length: kills }, (_, index) => ({
    afterOrders: Math.ceil(orders * (FIRST + share * (index + chance(seed, 'kill', index)))),
    victim: VICTIMS[(index + seed) % VICTIMS.length] as Victim,
  }))
}
