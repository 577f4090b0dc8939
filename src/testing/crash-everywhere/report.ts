import type { CrashPoint } from './process.ts'

/** The kind of a trial. */
export type CrashTrial =
  /** Delivered once, undisturbed. */
  | 'clean'
  /** The process was stopped, and the message delivered again. */
  | 'crash'
  /** A call failed, and the message was delivered again if the handler asked for it. */
  | 'failure'
  /** Delivered again after it was handled. */
  | 'duplicate'
  /** Delivered a second time while the first delivery was running. */
  | 'together'
  /** Delivered beside another message. */
  | 'other'

/** One way in which the handler is not idempotent. */
export interface CrashFinding {
  readonly trial: CrashTrial
  /** One sentence: what happened, and with what result. */
  readonly what: string
  /** Where the trial interfered: the last call that was made, and the next one that was not. */
  readonly after?: CrashPoint
  readonly before?: CrashPoint
  /** How the state, or the answer, differs from that of a clean run. */
  readonly differences: readonly string[]
  /** How many trials had this finding. */
  readonly times: number
}

/** The plain data of a report. `ok`: there are no findings; see `leftOut` for what was not tried. */
export interface CrashReportData {
  readonly name: string
  readonly ok: boolean
  /** The calls of the clean run, in order. */
  readonly points: readonly CrashPoint[]
  readonly trials: number
  /** Number of trials left out because of `maxTrials`: without them the report proves less. */
  readonly leftOut: number
  /** Columns that were not compared because two clean runs differ in them. */
  readonly volatile: readonly string[]
  readonly findings: readonly CrashFinding[]
}

/** Merges findings that say the same about the same place. */
export function merged(findings: readonly Omit<CrashFinding, 'times'>[]): readonly CrashFinding[] {
  const kinds = new Map<string, CrashFinding>()
  for (const finding of findings) {
    const place = [finding.after, finding.before].map((point) => `${point?.site?.file}:${point?.site?.line}`)
    const kind = JSON.stringify([finding.trial, finding.what, place, finding.differences])
    const known = kinds.get(kind)
    kinds.set(kind, known === undefined ? { ...finding, times: 1 } : { ...known, times: known.times + 1 })
  }
  return [...kinds.values()]
}
