// Runs the messaging conformance suites on every broker and prints the results; --write updates the page.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { intoPage } from '../bench/table.mjs'
import { readArguments } from './lib/arguments.mjs'
import { root } from './lib/paths.mjs'

/**
 * @typedef {{ broker: string, side: string, group: string, name: string, ids: string[], oracles: string, status: string,
 *   reason: string | undefined, failure: string | undefined }} Result
 */

const PAGE = join(root, 'docs/reference/conformance-messaging.md')
/** The name of a suite: broker, side, group. */
const SUITE = /^(.+) (consumer|publisher): (.+)$/
/** The name of a case: sentence, ids, oracles, and the reason if it is skipped. */
const CASE = /^(.+?) \[([^|\]]*) \| ([^\]]*)\](?: \(skipped: (.+)\))?$/

const { values, positionals } = readArguments({
  options: { write: { type: 'boolean', default: false } },
  allowPositionals: true,
})

/** Runs one broker at a time: with all of them at once a machine is too slow for the tests. @param {string} suite */
function report(suite) {
  const dir = mkdtempSync(join(tmpdir(), 'onlyonce-messaging-'))
  const file = join(dir, 'report.json')
  try {
    const argv = ['node_modules/vitest/vitest.mjs', 'run', `test/conformance/${suite}`]
    argv.push('--reporter=json', `--outputFile=${file}`)
    spawnSync(process.execPath, argv, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
    return JSON.parse(readFileSync(file, 'utf8'))
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** @param {string} suite @returns {Result[]} */
function results(suite) {
  /** @type {{ assertionResults: { status: string, title: string, ancestorTitles: string[], failureMessages: string[] }[]
   * }[]} */
  const files = report(suite).testResults
  return files.flatMap(({ assertionResults }) =>
    assertionResults.flatMap(({ status, title, ancestorTitles, failureMessages }) => {
      const [, broker, side, group] = ancestorTitles.map((one) => SUITE.exec(one)).find((found) => found !== null) ?? []
      const [, name, ids = '', oracles = '', reason] = CASE.exec(title) ?? []
      if (broker === undefined || side === undefined || group === undefined || name === undefined) return []
      const [failure] = failureMessages
      return [{ broker, side, group, name, ids: ids.split(' '), oracles, status, reason, failure }]
    }),
  )
}

/** @param {readonly string[]} head @param {readonly (readonly unknown[])[]} rows @param {string} align */
function table(head, rows, align) {
  const line = (/** @type {readonly unknown[]} */ cells) => `| ${cells.join(' | ')} |`
  return [line(head), `| ${align} |`, ...rows.map(line)].join('\n')
}

/** @param {Result[]} all @param {string} status */
const count = (all, status) => all.filter((one) => one.status === status).length

const suites = readdirSync(join(root, 'test/conformance'))
  .filter((name) => /^(consumer|publisher)-.+\.test\.ts$/.test(name))
  .filter((name) => positionals.length === 0 || positionals.some((one) => name.includes(one)))
if (suites.length === 0 || (values.write && positionals.length > 0)) {
  const why = suites.length === 0 ? 'is no broker' : 'cannot be given with --write: the page is of all brokers'
  console.error(`messaging-conformance: ${positionals.join(' ')} ${why}`)
  process.exit(2)
}
const all = suites.flatMap(results)
for (const { broker, side, name, failure } of all) {
  if (failure !== undefined) console.error(`${broker} ${side}: ${name}\n  ${failure.split('\n')[0]}`)
}
const brokers = [...new Set(all.map(({ broker }) => broker))].sort()

const summary = table(
  ['broker', 'consumer: passed', 'failed', 'left out', 'publisher: passed', 'failed', 'left out'],
  brokers.map((broker) => {
    const cells = ['consumer', 'publisher'].flatMap((side) => {
      const own = all.filter((one) => one.broker === broker && one.side === side)
      return [count(own, 'passed'), count(own, 'failed'), own.filter(({ reason }) => reason !== undefined).length]
    })
    return [broker, ...cells]
  }),
  '--- | ---: | ---: | ---: | ---: | ---: | ---:',
)

const names = [...new Set(all.map(({ name }) => name))]
const rows = table(
  ['what must hold', 'comes from', 'oracles', ...brokers],
  names.map((name) => {
    const own = all.filter((one) => one.name === name)
    const [first] = own
    const cells = brokers.map((broker) => {
      const one = own.find((found) => found.broker === broker)
      if (one === undefined || one.reason !== undefined) return '–'
      return one.status === 'passed' ? 'yes' : '**no**'
    })
    return [name, first?.ids.join(' '), first?.oracles, ...cells]
  }),
  ['---', '---', '---', ...brokers.map(() => ':---:')].join(' | '),
)

const leftOut = table(
  ['broker', 'what is left out', 'why'],
  all.flatMap(({ broker, name, reason }) => (reason === undefined ? [] : [[broker, name, reason]])),
  '--- | --- | ---',
)

const text = [
  `Made on ${new Date().toISOString().slice(0, 10)}, Node ${process.version}.`,
  summary,
  '## By sentence',
  rows,
  '## Left out',
  leftOut,
].join('\n\n')
console.log(values.write ? summary : text)
if (values.write) writeFileSync(PAGE, intoPage(readFileSync(PAGE, 'utf8'), text, 'conformance-messaging'))
if (count(all, 'failed') > 0 || all.length === 0) process.exitCode = 1
