import { createReadStream } from 'node:fs'
import { extname } from 'node:path'
import type { Order } from '../order.ts'
import { parseCsvRow } from './csv.ts'
import { type Line, splitLines } from './lines.ts'
import { type Checked, COLUMNS, checkRow, type Row } from './row.ts'

export interface Problem {
  readonly line: number
  readonly reason: string
}

export interface OrderFile {
  readonly orders: readonly Order[]
  /** Rows that were skipped, in the order of the file. */
  readonly problems: readonly Problem[]
}

/** The file as a whole cannot be used. */
export class InputError extends Error {
  override readonly name = 'InputError'
}

/**
 * Reads orders from a CSV with a header, or from NDJSON. An invalid row is reported with its line and skipped, and so
 * is a second row for the same order id.
 * @throws InputError when the file cannot be read, lacks a column, or holds no order
 */
export async function readOrders(path: string): Promise<OrderFile> {
  try {
    return await collect(path, splitLines(createReadStream(path)))
  } catch (error) {
    if (error instanceof InputError) throw error
    throw new InputError(`cannot read ${path}: ${(error as Error).message}`, { cause: error })
  }
}

async function collect(path: string, lines: AsyncIterable<Line>): Promise<OrderFile> {
  const orders = new Map<string, Order>()
  const problems: Problem[] = []
  let parse: ((text: string) => Checked) | undefined
  let pence = 0
  for await (const { number: line, text, problem } of lines) {
    if (text === '') continue
    if (parse === undefined) {
      if (text === undefined) throw new InputError(`${path}:${line}: ${problem}`)
      const json = isNdjson(path, text)
      parse = json ? parseJson : csvParser(path, line, text)
      if (!json) continue
    }
    const checked = text === undefined ? { problem: problem ?? '' } : parse(text)
    const reason = 'problem' in checked ? checked.problem : repeated(orders, checked.order)
    if (reason !== undefined) problems.push({ line, reason })
    else if ('order' in checked) {
      orders.set(checked.order.orderId, checked.order)
      pence += checked.order.amountPence
    }
  }
  if (parse === undefined) throw new InputError(`${path} is empty: it needs the columns ${COLUMNS.join(',')}`)
  if (orders.size === 0) throw new InputError(noOrder(path, problems))
  if (!Number.isSafeInteger(pence)) throw new InputError(`${path}: the amounts add up to more than can be exact`)
  return { orders: [...orders.values()], problems }
}

function repeated(orders: ReadonlyMap<string, Order>, order: Order): string | undefined {
  const known = orders.get(order.orderId)
  if (known === undefined) return undefined
  const same = JSON.stringify(known) === JSON.stringify(order)
  return `order_id ${JSON.stringify(order.orderId)} was there before, ${same ? 'with the same' : 'with other'} content`
}

function isNdjson(path: string, first: string): boolean {
  return ['.ndjson', '.jsonl'].includes(extname(path).toLowerCase()) || first.trimStart().startsWith('{')
}

function parseJson(text: string): Checked {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { problem: 'the line is not valid JSON' }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { problem: 'the line is not a JSON object' }
  }
  const missing = COLUMNS.filter((column) => !Object.hasOwn(value, column))
  return missing.length > 0 ? { problem: `${missing.join(', ')} missing` } : checkRow(value as Row)
}

/** Columns may be in any order, and there may be others. @throws InputError for a header that lacks one */
function csvParser(path: string, line: number, header: string): (text: string) => Checked {
  const parsed = parseCsvRow(header)
  if ('problem' in parsed) throw new InputError(`${path}:${line}: ${parsed.problem}`)
  const names = parsed.fields.map((name) => name.trim())
  const missing = COLUMNS.filter((column) => !names.includes(column))
  if (missing.length > 0) {
    throw new InputError(`${path}:${line}: no column ${missing.join(', ')}; the first line must name ${COLUMNS}`)
  }
  const twice = COLUMNS.find((column) => names.indexOf(column) !== names.lastIndexOf(column))
  if (twice !== undefined) throw new InputError(`${path}:${line}: the column ${twice} is there twice`)
  const places = COLUMNS.map((column) => [column, names.indexOf(column)] as const)
  return (text) => {
    const row = parseCsvRow(text)
    if ('problem' in row) return row
    const { length } = row.fields
    if (length !== names.length) return { problem: `${length} columns where the header has ${names.length}` }
    return checkRow(Object.fromEntries(places.map(([column, at]) => [column, row.fields[at]])) as Row)
  }
}

function noOrder(path: string, [first]: readonly Problem[]): string {
  const why = first === undefined ? 'it has a header and nothing else' : `line ${first.line}: ${first.reason}`
  return `${path} holds no order: ${why}`
}
