import { readFileSync, writeFileSync } from 'node:fs'
import type { Order } from '../order.ts'

/** Writes checked orders for the processes of a run, one JSON object per line. */
export function writeOrdersFile(file: string, orders: readonly Order[]): void {
  writeFileSync(file, orders.map((order) => `${JSON.stringify(order)}\n`).join(''))
}

export function readOrdersFile(file: string): readonly Order[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Order)
}
