import type { CrashPoint } from './process.ts'
import type { CrashFinding, CrashReportData } from './report.ts'

/** Renders the report for a terminal. */
export function textReport({ name, ok, points, trials, leftOut, volatile, findings }: CrashReportData): string {
  const head = `crashEverywhere ${name}: ${counted(points.length, 'call')}, ${counted(trials, 'trial')}, ${counted(findings.length, 'finding')}`
  const notes = [
    ...(leftOut > 0 ? [`${counted(leftOut, 'trial')} left out: raise maxTrials`] : []),
    ...(volatile.length > 0 ? [`not compared, because two clean runs differ: ${volatile.join(', ')}`] : []),
  ]
  const body = ok ? ['no trial ended differently from a clean run'] : findings.flatMap(findingLines)
  return [head, ...notes, ...body].join('\n')
}

function findingLines(finding: CrashFinding, index: number): readonly string[] {
  const { what, after, before, differences, times } = finding
  return [
    '',
    `${index + 1}. ${what}${times > 1 ? ` (${times} trials)` : ''}`,
    ...(after === undefined ? [] : placeLines('after ', after)),
    ...(before === undefined ? [] : placeLines('before', before)),
    ...differences.map((line) => `     ${line}`),
  ]
}

function placeLines(word: string, { call, site }: CrashPoint): readonly string[] {
  if (site === undefined) return [`   ${word} ${call}`]
  const line = `   ${word} ${site.file}:${site.line}  ${site.source}`
  return site.source.includes(call) ? [line] : [line, `          (${call})`]
}

export function counted(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`
}
