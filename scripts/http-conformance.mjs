// Runs the HTTP conformance suite on every adapter, over real sockets, and prints results; --write updates the page.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { intoPage } from '../bench/table.mjs'
import { readArguments } from './lib/arguments.mjs'
import { root } from './lib/paths.mjs'

/** @typedef {{ adapter: string, group: string, name: string, ids: string[], status: string, reason: string | undefined }} Result */

const PAGE = join(root, 'docs/reference/conformance-http.md')
/** The name of a suite: adapter, then group. */
const SUITE = /^(.+) adapter: (.+)$/
/** The name of a case: sentence, ids, and the reason if it is skipped. */
const CASE = /^(.+?) \[([^\]]*)\](?: \(skipped: (.+)\))?$/

const { values } = readArguments({ options: { write: { type: 'boolean', default: false } } })

/** @returns {{ testResults: { assertionResults: { status: string, title: string, ancestorTitles: string[] }[] }[] }} */
function report() {
  const dir = mkdtempSync(join(tmpdir(), 'onlyonce-http-'))
  const file = join(dir, 'report.json')
  try {
    const suites = readdirSync(join(root, 'test/http')).filter((name) => /conformance.*\.test\.ts$/.test(name))
    const argv = ['node_modules/vitest/vitest.mjs', 'run', ...suites.map((name) => `test/http/${name}`)]
    argv.push('--reporter=json', `--outputFile=${file}`)
    spawnSync(process.execPath, argv, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
    return JSON.parse(readFileSync(file, 'utf8'))
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** @returns {Result[]} */
function results() {
  return report().testResults.flatMap(({ assertionResults }) =>
    assertionResults.flatMap(({ status, title, ancestorTitles }) => {
      const [, adapter, group] = ancestorTitles.map((one) => SUITE.exec(one)).find((found) => found !== null) ?? []
      const [, name, ids = '', reason] = CASE.exec(title) ?? []
      if (adapter === undefined || group === undefined || name === undefined) return []
      return [{ adapter, group, name, ids: ids.split(' '), status, reason }]
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

const all = results()
const adapters = [...new Set(all.map(({ adapter }) => adapter))].sort()
const WAYS = 'ways of responding'

const summary = table(
  ['adapter', 'cases passed', 'failed', 'left out'],
  adapters.map((adapter) => {
    const own = all.filter((one) => one.adapter === adapter)
    return [
      adapter,
      count(own, 'passed'),
      count(own, 'failed'),
      own.filter(({ reason }) => reason !== undefined).length,
    ]
  }),
  '--- | ---: | ---: | ---:',
)

const leftOut = table(
  ['adapter', 'what does not hold there', 'why'],
  all.flatMap(({ adapter, name, reason }) => (reason === undefined ? [] : [[adapter, name, reason]])),
  '--- | --- | ---',
)

const shared = all.filter(({ group }) => group !== WAYS)
const ids = [...new Set(shared.flatMap((one) => one.ids))].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
const byId = table(
  ['comes from', 'what must hold', 'adapters'],
  ids.flatMap((id) => {
    const sentences = [...new Set(shared.filter((one) => one.ids.includes(id)).map(({ name }) => name))]
    return sentences.map((name, at) => {
      const own = shared.filter((one) => one.name === name)
      return [at === 0 ? id : '', name, `${count(own, 'passed')} of ${own.length}`]
    })
  }),
  '--- | --- | ---',
)

const ways = table(
  ['adapter', 'way of responding', 'after it', ''],
  all
    .filter(({ group }) => group === WAYS)
    .map(({ adapter, name, status }) => {
      const at = name.indexOf(': ')
      return [adapter, name.slice(0, at).replaceAll('|', '\\|'), name.slice(at + 2), status]
    }),
  '--- | --- | --- | ---',
)

const text = [
  `Made on ${new Date().toISOString().slice(0, 10)}, Node ${process.version}.`,
  summary,
  '## Left out',
  leftOut,
  '## Ways of responding',
  ways,
  '## By requirement',
  byId,
].join('\n\n')
console.log(values.write ? summary : text)
if (values.write) writeFileSync(PAGE, intoPage(readFileSync(PAGE, 'utf8'), text, 'conformance-http'))
if (count(all, 'failed') > 0 || all.length === 0) process.exitCode = 1
