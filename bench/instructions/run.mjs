// Counts the instructions of one operation under valgrind: the same on a busy machine, where times swing. Never a test.
//   npm run bench:instructions [-- --only NAME] [--functions NUMBER]
import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { integerOf, readArguments } from '../../scripts/lib/arguments.mjs'
import { GROUP_NAMES, groupOf } from './groups.mjs'

/** The counts of a run with `few` are taken from those with `many`: what remains is neither start nor warm-up. */
const WAYS = [
  { way: 'nothing', few: 20_000, many: 40_000 },
  { way: 'operation id', few: 20_000, many: 40_000 },
  { way: 'fingerprint', few: 20_000, many: 40_000 },
  { way: 'once, new', few: 20_000, many: 40_000 },
  { way: 'once, new, with a payload', few: 20_000, many: 40_000 },
  { way: 'once, duplicate', few: 20_000, many: 40_000 },
  { way: 'a request', few: 20_000, many: 40_000 },
  { way: 'a guarded request', few: 20_000, many: 40_000 },
]
const WORK = fileURLToPath(new URL('work.mjs', import.meta.url))
const run = promisify(execFile)

/** @typedef {Map<string, number>} Counts Instructions by function. */

/** @param {string} file @returns {Counts} */
function read(file) {
  /** @type {Counts} */
  const counts = new Map()
  let fn = ''
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line.startsWith('fn=')) fn = line.slice(3)
    else if (/^\d/.test(line)) counts.set(fn, (counts.get(fn) ?? 0) + Number(line.split(' ')[1]))
  }
  return counts
}

/** One thread: the helpers of V8 would do their work in one run and not in the other. @param {string} home @param {string} way @param {number} times */
async function counted(home, way, times) {
  const file = join(home, `${way}-${times}`)
  const flags = ['--tool=cachegrind', '--cache-sim=no', '--smc-check=all-non-file', `--cachegrind-out-file=${file}`]
  await run('valgrind', [...flags, process.execPath, '--single-threaded', WORK, way, String(times)])
  return read(file)
}

/** @param {string} home @param {{ way: string, few: number, many: number }} one @returns {Promise<Counts>} */
async function perOperation(home, { way, few, many }) {
  const [before, after] = await Promise.all([counted(home, way, few), counted(home, way, many)])
  return new Map([...after].map(([fn, count]) => [fn, (count - (before.get(fn) ?? 0)) / (many - few)]))
}

/** @param {Counts} counts */
function row(counts) {
  const sums = Object.fromEntries(['all', ...GROUP_NAMES].map((name) => [name, 0]))
  for (const [fn, count] of counts) {
    const group = groupOf(fn)
    sums.all = (sums.all ?? 0) + count
    sums[group] = (sums[group] ?? 0) + count
  }
  return Object.fromEntries(Object.entries(sums).map(([name, count]) => [name, Math.round(count)]))
}

const { values } = readArguments({ options: { only: { type: 'string' }, functions: { type: 'string', default: '0' } } })
const most = integerOf('functions', values.functions, 0)
if (spawnSync('valgrind', ['--version']).error !== undefined) {
  console.error('valgrind is needed, and not installed: apt install valgrind')
  process.exit(1)
}
const home = mkdtempSync(join(tmpdir(), 'onlyonce-instructions-'))
try {
  /** @type {Record<string, Record<string, number>>} */
  const table = {}
  for (const one of WAYS.filter(({ way }) => way.includes(values.only ?? ''))) {
    process.stderr.write(`${one.way} …\n`)
    const counts = await perOperation(home, one)
    table[one.way] = row(counts)
    const largest = [...counts].sort(([, a], [, b]) => b - a).slice(0, most)
    for (const [fn, count] of largest) console.log(`${Math.round(count)}`.padStart(9), fn.slice(0, 110))
  }
  console.table(table)
} finally {
  rmSync(home, { recursive: true, force: true })
}
