import { ratioOf } from './contest.mjs'
import { rate } from './table.mjs'

/**
 * @typedef {import('./contest.mjs').Contest & { name: string, goal?: number, goalOf?: number, against?: number }} Row
 * `against`: which side the ratios are of; default the first. `goal`: what the ratio of `goalOf`, or of the last one, should reach.
 */

/** One line per side. @param {readonly Row[]} rows */
export function contestTable(rows) {
  const lines = rows.flatMap((row) => row.sides.map((side, index) => line(row, side, index)))
  const thrown = rows.reduce((sum, row) => sum + row.thrown, 0)
  const kept = rows.reduce((sum, row) => sum + row.rounds, 0)
  return [
    '| work | callers | way | per second | ratio (min–max) | goal | client CPU | server CPU |',
    '| --- | ---: | --- | ---: | --- | ---: | ---: | ---: |',
    ...lines,
    '',
    `${kept} rounds used, ${thrown} thrown away.${rows.some((row) => row.disturbed) ? ` ${DISTURBED}` : ''}`,
  ].join('\n')
}

export const DISTURBED = '† Hardly a round was quiet: all of them were used.'

/** @param {Row} row @param {Row['sides'][0]} side @param {number} index */
function line(row, side, index) {
  const base = row.sides[row.against ?? 0]
  const ratio = ratioOf(side.rates, base?.rates ?? [])
  const isOurs = index === (row.goalOf ?? row.sides.length - 1)
  const cells = [
    index === 0 ? `${row.name}${row.disturbed ? ' †' : ''}` : '',
    index === 0 ? row.callers : '',
    side.what,
    rate(side.perSecond),
    side === base ? '1' : `**${ratio.median.toFixed(2)}×** (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})`,
    isOurs && row.goal !== undefined ? `≥ ${row.goal}×` : '',
    micros(side.clientMicros),
    micros(side.serverMicros),
  ]
  return `| ${cells.join(' | ')} |`
}

/** @param {number | null} value null is NaN in JSON. */
export function micros(value) {
  return value === null || Number.isNaN(value) ? '–' : `${value.toFixed(1)} µs`
}
