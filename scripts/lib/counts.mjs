import { readFileSync } from 'node:fs'

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/** A step that only has an exit code counts as one. @param {boolean} ok @returns {Counts} */
export const one = (ok) => ({ passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 })

/** A step that failed counts as failed even when its own numbers say otherwise. @param {Counts} counts @param {boolean} ok */
export const atLeastOneFailure = (counts, ok) => (ok || counts.failed > 0 ? counts : { ...counts, failed: 1 })

/** From `vitest --reporter=json`. No readable report means that the run did not get far. @param {string} file @returns {Counts} */
export function vitestCounts(file) {
  const report = readJson(file)
  if (report === undefined) return one(false)
  const broken = report.testResults.filter((suite) => suite.status === 'failed' && suite.assertionResults.length === 0)
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
  }
}

/** From `scripts/check.mjs --report`. @param {string} file @returns {Counts} */
export function checkCounts(file) {
  const report = readJson(file)
  if (report === undefined) return one(false)
  const failed = report.filter((check) => !check.ok).length
  return { passed: report.length - failed, failed, skipped: 0 }
}

/** From the last `N passed, N failed[, N skipped]` a script printed, if it printed one. @param {string} output @returns {Counts | undefined} */
export function printedCounts(output) {
  const last = [...output.matchAll(/^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$/gm)].at(-1)
  if (last === undefined) return undefined
  return { passed: Number(last[1]), failed: Number(last[2]), skipped: Number(last[3] ?? 0) }
}

/** @param {string} file */
function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}
