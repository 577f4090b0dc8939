import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { root } from './paths.mjs'

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/** A step that has only an exit code counts as one test. @param {boolean} ok @returns {Counts} */
export const one = (ok) => ({ passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 })

/** A failed step counts at least one failure, whatever it reported. @param {Counts} counts @param {boolean} ok */
export const atLeastOneFailure = (counts, ok) => (ok || counts.failed > 0 ? counts : { ...counts, failed: 1 })

/** Tests that wait for servers, leases and killed processes: a busy machine can make one of them fail. */
const WAITING = /^test\/(chaos|conformance|executors|guards|http|integration|rpc|runtimes|testing)\//
/** More failures than this are no accident. */
const FEW = 4

/**
 * From `vitest --reporter=json`; of a file in a later report that one's results count.
 * No readable report means that the run did not get far.
 * @param {...string} files @returns {Counts}
 */
export function vitestCounts(...files) {
  const suites = new Map()
  for (const file of files) {
    const report = readJson(file)
    if (report === undefined) return one(false)
    for (const suite of report.testResults) suites.set(suite.name, suite)
  }
  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const { status, assertionResults } of suites.values()) {
    if (status === 'failed' && assertionResults.length === 0) counts.failed++
    for (const test of assertionResults) {
      if (test.status === 'passed') counts.passed++
      else if (test.status === 'failed') counts.failed++
      else counts.skipped++
    }
  }
  return counts
}

/**
 * The files that failed, if they are few and each is of a kind that others beside it can upset; else none.
 * An error outside of every test is no test's, so no test can clear it.
 * @param {string} report @param {string} output what the run printed @returns {string[]}
 */
export function worthASecondLook(report, output) {
  if (/⎯.* Unhandled Errors? .*⎯/.test(output)) return []
  const failed = (readJson(report)?.testResults ?? []).filter((suite) => suite.status === 'failed')
  const files = failed.map((suite) => relative(root, suite.name).replaceAll('\\', '/'))
  return files.length <= FEW && files.every((file) => WAITING.test(file)) ? files : []
}

/** From `scripts/check.mjs --report`. @param {string} file @returns {Counts} */
export function checkCounts(file) {
  const report = readJson(file)
  if (report === undefined) return one(false)
  const failed = report.filter((check) => !check.ok).length
  return { passed: report.length - failed, failed, skipped: 0 }
}

/** Reads the last `N passed, N failed[, N skipped]` that a script printed, if any. @param {string} output @returns {Counts | undefined} */
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
