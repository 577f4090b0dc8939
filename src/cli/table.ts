import { padded, widthOf } from './text.ts'

export interface Column<Row> {
  readonly title: string
  readonly align?: 'left' | 'right'
  readonly text: (row: Row) => string
  /** Colours the text, after its width was measured. */
  readonly paint?: (text: string, row: Row) => string
}

/** Returns aligned lines under a header, for a terminal and a pipe alike. A left-aligned last column is not padded. */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  head = (text: string) => text,
): string[] {
  const cells = rows.map((row) => columns.map((column) => column.text(row)))
  const widths = columns.map(({ title }, at) =>
    // Not spread into `Math.max`: there may be more rows than a call can have arguments.
    cells.reduce((width, row) => Math.max(width, widthOf(row[at] ?? '')), widthOf(title)),
  )
  const join = (texts: readonly string[], paint: (text: string, at: number) => string) =>
    texts
      .map((text, at) => {
        const isLast = at === texts.length - 1 && columns[at]?.align !== 'right'
        const filled = isLast ? text : padded(text, widths[at] ?? 0, columns[at]?.align)
        return filled.replace(text, () => paint(text, at))
      })
      .join('  ')
  return [
    join(
      columns.map(({ title }) => title),
      head,
    ),
    ...rows.map((row, index) => join(cells[index] ?? [], (text, at) => columns[at]?.paint?.(text, row) ?? text)),
  ]
}

/** Returns lines `name   value` with aligned values. */
export function facts(
  pairs: readonly (readonly [name: string, value: string])[],
  paint = (name: string) => name,
): string[] {
  const width = Math.max(...pairs.map(([name]) => widthOf(name)))
  return pairs.map(([name, value]) => `${paint(padded(name, width))}  ${value}`)
}
