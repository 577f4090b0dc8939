import { fileURLToPath } from 'node:url'
import { type Problem, readOrders } from './input/read.ts'
import type { Order } from './order.ts'
import { count, counted } from './report/format.ts'
import { say } from './report/say.ts'

const OWN_ORDERS = fileURLToPath(new URL('./data/orders.csv', import.meta.url))
const MOST_SHOWN = 20

/** Returns the first `limit` orders of the input. Skipped rows are reported on stderr. @throws InputError */
export async function loadOrders(input: string = OWN_ORDERS, limit?: number): Promise<readonly Order[]> {
  const { orders, problems } = await readOrders(input)
  report(input, problems)
  if (limit === undefined) return orders
  if (limit > orders.length) say(`${input} holds ${counted(orders.length, 'order')}, fewer than ${count(limit)}`)
  return orders.slice(0, limit)
}

function report(input: string, problems: readonly Problem[]): void {
  for (const { line, reason } of problems.slice(0, MOST_SHOWN)) say(`${input}:${line}: ${reason}; row skipped`)
  const more = problems.length - MOST_SHOWN
  if (more > 0) say(`${input}: and ${counted(more, 'more row')} skipped`)
}
