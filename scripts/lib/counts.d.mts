export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

export function one(ok: boolean): Counts
export function atLeastOneFailure(counts: Counts, ok: boolean): Counts
export function vitestCounts(...files: readonly string[]): Counts
export function worthASecondLook(report: string, output: string): string[]
export function checkCounts(file: string): Counts
export function printedCounts(output: string): Counts | undefined
