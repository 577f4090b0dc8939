import { count, money, moneyOff } from './report/format.ts'
import type { DemoResult } from './report/result.ts'
import type { Run } from './system/run.ts'

interface Measure {
  readonly label: string
  /** How far the ledgers deviate from the orders; 0 is correct. */
  readonly off: (run: Run) => number
  readonly show: (value: number) => string
}

const MEASURES: readonly Measure[] = [
  { label: 'orders charged twice or more', off: (run) => run.doubleCharges, show: count },
  { label: 'coupons granted twice or more', off: (run) => run.doubleCoupons, show: count },
  { label: 'customers with wrong points', off: (run) => run.wrongBalances, show: count },
  { label: 'orders lost on the way', off: (run) => run.lostOrders, show: count },
  { label: 'coupons never granted', off: (run) => run.lostCoupons, show: count },
]

const WIDTH = 860
const LABEL_X = 232
const BAR_X = 246
const BAR_WIDTH = 475
const ROW = 54
const TOP = 118
const BAR = 17

/** Renders the result as an SVG: for each kind of fault one bar without and one with onlyonce. */
export function renderPicture(result: DemoResult): string {
  const { unprotected, onlyonce, orders, expectedPence } = result
  const chargedOff = (run: Run) => Math.abs(run.chargedPence - expectedPence)
  const rows = [{ label: 'money charged wrongly', off: chargedOff, show: money }, ...MEASURES]
  const most = Math.max(1, ...MEASURES.flatMap(({ off }) => [off(unprotected), off(onlyonce)]))
  const height = TOP + rows.length * ROW + 48
  const subtitle =
    `${count(orders)} orders worth ${money(expectedPence)} · ${count(onlyonce.duplicates)} duplicates · ` +
    `${count(onlyonce.kills)} workers killed with SIGKILL · ${onlyonce.seconds.toFixed(0)} s`
  const body = rows.map(({ label, off, show }, index) => {
    const scale = label === rows[0]?.label ? Math.max(1, chargedOff(unprotected), chargedOff(onlyonce)) : most
    const y = TOP + index * ROW
    return [
      text(LABEL_X, y + BAR + 5, label, 'label', 'end'),
      bar(y, off(unprotected), scale, show, 'without'),
      bar(y + BAR + 3, off(onlyonce), scale, show, 'with'),
    ].join('')
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escapeXml(summary(result))}">
<style>${STYLE}</style>
<rect class="ground" width="${WIDTH}" height="${height}" rx="10"/>
${text(28, 40, 'The same orders, the same faults, the same kills', 'title')}
${text(28, 64, subtitle, 'label')}
<rect class="without" x="28" y="82" width="13" height="13" rx="2"/>${text(47, 93, 'without onlyonce', 'figure')}
<rect class="with" x="178" y="82" width="13" height="13" rx="2"/>${text(197, 93, 'with onlyonce', 'figure')}
${body.join('\n')}
${text(28, height - 22, 'Money has a scale of its own; the other bars share one.', 'label')}
</svg>
`
}

function bar(y: number, value: number, most: number, show: (value: number) => string, kind: string): string {
  // Zero has no bar; the smallest other value must still be visible.
  const width = value === 0 ? 0 : Math.max(2, Math.round((BAR_WIDTH * value) / most))
  const rect = `<rect class="${kind}" x="${BAR_X}" y="${y}" width="${width}" height="${BAR}" rx="2"/>`
  return rect + text(BAR_X + width + 7, y + 13, show(value), value === 0 ? 'zero' : 'figure')
}

function text(x: number, y: number, content: string, kind: string, anchor = 'start'): string {
  return `<text class="${kind}" x="${x}" y="${y}" text-anchor="${anchor}">${escapeXml(content)}</text>`
}

function summary({ unprotected, onlyonce, expectedPence }: DemoResult): string {
  const charged = (run: Run) => moneyOff(run.chargedPence, expectedPence)
  return `Money charged without onlyonce: ${charged(unprotected)}; with onlyonce: ${charged(onlyonce)}`
}

function escapeXml(content: string): string {
  return content.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;')
}

/** With its own background, so that it is readable on light and dark pages. */
const STYLE = [
  'text{font:13px -apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#1f2937}',
  '.title{font-size:19px;font-weight:600}',
  '.label{fill:#4b5563}',
  '.zero{fill:#047857;font-weight:600}',
  '.ground{fill:#fff;stroke:#e5e7eb}',
  '.without{fill:#dc2626}',
  '.with{fill:#059669}',
].join('')
