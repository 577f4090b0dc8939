import type { View } from '../system/run.ts'
import type { Colours } from './colours.ts'
import { count } from './format.ts'

export interface ProgressBars {
  show(view: View): void
  /** Removes the bars. The next output starts on a clean line. */
  clear(): void
}

interface Terminal {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  write(text: string): unknown
}

const LABEL_WIDTH = 12
const FIGURES_WIDTH = 18
const TITLES = { unprotected: 'Without onlyonce', onlyonce: 'With onlyonce' } as const

/** Live progress on a terminal; does nothing elsewhere. */
export function createProgressBars(terminal: Terminal, { bold, dim }: Colours): ProgressBars {
  if (terminal.isTTY !== true) return { show() {}, clear() {} }
  let shown = 0

  function clear(): void {
    if (shown > 0) terminal.write(`\u001B[${shown}F\u001B[J`)
    shown = 0
  }

  return {
    clear,
    show({ variant, orders, answered, delivered, kills, seconds }) {
      const width = Math.max(10, Math.min(40, (terminal.columns ?? 80) - LABEL_WIDTH - FIGURES_WIDTH - 2))
      const bar = (label: string, done: number) => {
        // Duplicates raise the count above the number of orders; the bar stops when full.
        const filled = Math.round(width * Math.min(done / orders, 1))
        const figures = `${count(done)} / ${count(orders)}`.padStart(FIGURES_WIDTH)
        return `${label.padEnd(LABEL_WIDTH)}${'█'.repeat(filled)}${dim('░'.repeat(width - filled))}${dim(figures)}`
      }
      const lines = [
        bold(`${TITLES[variant]}  ${dim(`${seconds.toFixed(0)} s, ${count(kills)} killed`)}`),
        bar('  orders', answered),
        bar('  coupons', delivered.coupon),
        bar('  points', delivered.points),
        bar('  completed', delivered.fulfilment),
      ]
      clear()
      terminal.write(`${lines.join('\n')}\n`)
      shown = lines.length
    },
  }
}
