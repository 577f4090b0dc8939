import { COUNTS } from './audit.ts'
import { FAULTS } from './plan.ts'
import type { ChaosReport } from './run.ts'

const RULES = ['double', 'lost', 'stuck', 'answers differ', 'lease not kept', 'unexpected'] as const

export const isGood = ({ violations, unreached }: ChaosReport) => violations.length === 0 && unreached.length === 0

/** One column for each store: faults, what they led to, and what must be 0. */
export function asTable(reports: readonly ChaosReport[]): string {
  const row = (name: string, cell: (report: ChaosReport) => number | string) =>
    `| ${[name, ...reports.map(cell)].join(' | ')} |`
  const broken = (rule: string) => (report: ChaosReport) =>
    report.violations.filter((violation) => violation.rule === rule).length
  return [
    row('', ({ store }) => store),
    row('---', () => '---:'),
    row('seconds', ({ seconds }) => seconds),
    ...FAULTS.map((fault) => row(`fault: ${fault}`, ({ faults }) => faults[fault] ?? '–')),
    ...COUNTS.map((count) => row(count, ({ counts }) => counts[count])),
    row('settled after, s', ({ settledMs }) => (settledMs / 1_000).toFixed(1)),
    ...RULES.map((rule) => row(`**${rule}**`, broken(rule))),
  ].join('\n')
}

/** What is wrong with a run, with the history of one key; empty when nothing is. */
export function complaints({ store, seed, violations, evidence, unreached }: ChaosReport): string[] {
  const shown = violations.slice(0, 10).map(({ rule, key, message }) => `${store}: ${rule}: ${key} ${message}`)
  if (violations.length > shown.length) shown.push(`${store}: and ${violations.length - shown.length} more`)
  const told = evidence.map((line) => `    ${JSON.stringify(line)}`)
  const vacuous = unreached.length > 0 ? [`${store}: VACUOUS, never reached: ${unreached.join(', ')}`] : []
  const lines = [...shown, ...told, ...vacuous]
  return lines.length > 0 ? [...lines, `${store}: the faults were those of --seed ${seed}`] : []
}
