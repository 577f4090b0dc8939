// Runs the conformance suite on every store, on real servers, and prints one line each; --write updates the page.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { intoPage } from '../bench/table.mjs'
import { readArguments } from './lib/arguments.mjs'
import { root } from './lib/paths.mjs'

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

const PAGE = join(root, 'docs/reference/conformance.md')
/** The name of a suite: store, then group. */
const SUITE = /^(.+) store: (.+)$/

const { values } = readArguments({ options: { write: { type: 'boolean', default: false } } })

/** @returns {{ testResults: { assertionResults: { status: string, ancestorTitles: string[] }[] }[] }} */
function results() {
  const dir = mkdtempSync(join(tmpdir(), 'onlyonce-conformance-'))
  const file = join(dir, 'report.json')
  try {
    const argv = [
      'node_modules/vitest/vitest.mjs',
      'run',
      'test/conformance',
      '--reporter=json',
      `--outputFile=${file}`,
    ]
    spawnSync(process.execPath, argv, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
    return JSON.parse(readFileSync(file, 'utf8'))
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** @returns {Map<string, Map<string, Counts>>} by store, then by group */
function byStore() {
  const stores = new Map()
  for (const { status, ancestorTitles } of results().testResults.flatMap((file) => file.assertionResults)) {
    const [, store, group] = ancestorTitles.map((title) => SUITE.exec(title)).find((found) => found !== null) ?? []
    if (store === undefined || group === undefined) continue
    const groups = stores.get(store) ?? new Map()
    const counts = groups.get(group) ?? { passed: 0, failed: 0, skipped: 0 }
    counts[status === 'passed' || status === 'failed' ? status : 'skipped']++
    stores.set(store, groups.set(group, counts))
  }
  return stores
}

/** @param {Map<string, Counts>} groups @param {keyof Counts} what */
function sum(groups, what) {
  return [...groups.values()].reduce((total, counts) => total + counts[what], 0)
}

const stores = byStore()
const rows = [...stores].map(([store, groups]) => {
  const without = [...groups].flatMap(([group, { skipped }]) => (skipped === 0 ? [] : [`${group} ${skipped}`]))
  const cells = [store, sum(groups, 'passed'), sum(groups, 'failed'), without.join(', ') || 'none']
  return `| ${cells.join(' | ')} |`
})
const table = [
  `Made on ${new Date().toISOString().slice(0, 10)}, Node ${process.version}.`,
  '',
  '| store | cases passed | failed | left out, because the store has not what they are about |',
  '| --- | ---: | ---: | --- |',
  ...rows,
].join('\n')
console.log(table)
if (values.write) writeFileSync(PAGE, intoPage(readFileSync(PAGE, 'utf8'), table, 'conformance'))
const failed = [...stores.values()].reduce((total, groups) => total + sum(groups, 'failed'), 0)
if (failed > 0 || stores.size === 0) process.exitCode = 1
