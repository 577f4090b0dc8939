import { BROKERS } from '../brokers/broker-names.ts'
import { STORES } from '../stores/store-names.ts'
import type { Run } from '../system/run.ts'
import type { Colours } from './colours.ts'
import { count, counted, money, moneyOff } from './format.ts'
import { type DemoResult, passed } from './result.ts'

interface Row {
  readonly label: string
  readonly cells: readonly [unprotected: string, onlyonce: string]
  /** Whether each cell shows the correct value; left out where there is nothing to judge. */
  readonly well?: readonly [boolean, boolean]
}

const LABEL_WIDTH = 32
const CELL_WIDTH = 26

/** Renders both runs side by side in one table, with a concluding sentence. */
export function renderTable(result: DemoResult, colours: Colours): string {
  const { orders, expectedPence, onlyonce } = result
  const { bold, dim } = colours
  const kills = counted(onlyonce.kills, 'worker')
  const lines = [
    bold(`${counted(orders, 'order')} worth ${money(expectedPence)}, the same faults twice, ${kills} killed each time`),
    '',
    bold(cells('', 'without onlyonce', 'with onlyonce')),
    dim('─'.repeat(LABEL_WIDTH + 2 * CELL_WIDTH)),
    ...outcomes(result).map((row) => renderRow(row, colours)),
    dim('─'.repeat(LABEL_WIDTH + 2 * CELL_WIDTH)),
    ...circumstances(result).map((row) => dim(cells(row.label, ...row.cells))),
    '',
    closing(result, colours),
  ]
  return `${lines.join('\n')}\n`
}

function outcomes({ unprotected, onlyonce, expectedPence }: DemoResult): readonly Row[] {
  const off = ({ chargedPence }: Run) => moneyOff(chargedPence, expectedPence)
  const right = ({ chargedPence }: Run) => chargedPence === expectedPence
  const none = (label: string, of: (run: Run) => number): Row => ({
    label,
    cells: [count(of(unprotected)), count(of(onlyonce))],
    well: [of(unprotected) === 0, of(onlyonce) === 0],
  })
  return [
    { label: 'Money charged', cells: [money(unprotected.chargedPence), money(onlyonce.chargedPence)] },
    { label: '', cells: [off(unprotected), off(onlyonce)], well: [right(unprotected), right(onlyonce)] },
    none('Orders charged twice or more', (run) => run.doubleCharges),
    none('Orders lost on the way', (run) => run.lostOrders),
    none('Coupons granted twice or more', (run) => run.doubleCoupons),
    none('Coupons never granted', (run) => run.lostCoupons),
    none('Customers with wrong points', (run) => run.wrongBalances),
    none('Payments nobody heard of', (run) => run.unpublished),
  ]
}

function circumstances({ store, broker, unprotected, onlyonce }: DemoResult): readonly Row[] {
  const both = (label: string, of: (run: Run) => string): Row => ({ label, cells: [of(unprotected), of(onlyonce)] })
  return [
    { label: 'Kept in', cells: [STORES.sqlite, STORES[store]] },
    { label: 'Carried by', cells: [BROKERS.embedded, BROKERS[broker]] },
    both('Requests to the API', (run) => count(run.requests)),
    both('Messages delivered', (run) => count(run.deliveries)),
    both('Duplicates among both', (run) => count(run.duplicates)),
    both('Time', (run) => `${run.seconds.toFixed(1)} s`),
  ]
}

function renderRow({ label, cells: [left, right], well }: Row, { good, bad }: Colours): string {
  const paint = (text: string, is: boolean | undefined) => (is === undefined ? text : is ? good(text) : bad(text))
  return (
    label.padEnd(LABEL_WIDTH) +
    paint(left.padStart(CELL_WIDTH), well?.[0]) +
    paint(right.padStart(CELL_WIDTH), well?.[1])
  )
}

function cells(label: string, left: string, right: string): string {
  return label.padEnd(LABEL_WIDTH) + left.padStart(CELL_WIDTH) + right.padStart(CELL_WIDTH)
}

function closing(result: DemoResult, { bold, good, bad }: Colours): string {
  const { duplicates, kills } = result.onlyonce
  const met = `${counted(duplicates, 'duplicate')} and ${counted(kills, 'killed worker')}`
  return passed(result)
    ? good(bold(`With onlyonce, ${met} changed nothing: every order took effect once.`))
    : bad(bold(`The audit of the protected run FAILED: after ${met} its ledgers do not match the orders.`))
}
