// Plants each bug of test/mutants/list.mjs in a copy of the tree and expects the tests to notice. Exit code 1: one survived.
//   node scripts/mutants.mjs [name…] [--jobs N]
import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mutants } from '../test/mutants/list.mjs'
import { integerOf, readArguments, refuseArguments } from './lib/arguments.mjs'
import { cacheDir, root } from './lib/paths.mjs'

/** @typedef {import('../test/mutants/list.mjs').Mutant} Mutant */
/** @typedef {{ killed: boolean, by: string, seconds: number }} Verdict */

const place = join(cacheDir, 'mutants')
const TESTS = ['test/simulation']
const SEEDS = 4_000
const LIMIT_MS = 240_000

const { values, positionals } = readArguments({
  allowPositionals: true,
  options: { jobs: { type: 'string', default: '2' } },
})

/** Includes the set-up of the tests, although no mutant needs a server. */
const PARTS = [
  'src',
  'test',
  'services',
  'scripts',
  'package.json',
  'tsconfig.json',
  'tsconfig.base.json',
  'vitest.config.ts',
]

/** A separate tree: sources and tests are copied, packages shared. @param {string} name */
function copyTree(name) {
  const dir = join(place, name)
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  for (const part of PARTS) {
    cpSync(join(root, part), join(dir, part), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'), 'dir')
  return dir
}

/** @param {string} dir @param {Mutant} mutant @returns {string | undefined} what is wrong with the list */
function plant(dir, { edits }) {
  for (const { file, search, replace } of edits) {
    const path = join(dir, file)
    if (!existsSync(path)) return `${file} does not exist`
    const text = readFileSync(path, 'utf8')
    const found = text.split(search).length - 1
    if (found !== 1) return `${file} has ${found} times: ${search.trim()}`
    writeFileSync(
      path,
      text.replace(search, () => replace),
    )
  }
  return undefined
}

/** @param {string} dir @param {readonly string[]} tests @param {number} seeds @returns {Promise<string>} the report */
function runTests(dir, tests, seeds) {
  const report = join(dir, 'report.json')
  const argv = [
    'node_modules/vitest/vitest.mjs',
    'run',
    ...tests,
    '--bail=1',
    // In order, so that the simulator reports before a unit test fails for another reason.
    '--no-file-parallelism',
    '--reporter=json',
    `--outputFile=${report}`,
  ]
  const env = { ...process.env, ONLYONCE_SEEDS: String(seeds), NO_COLOR: '1' }
  return new Promise((resolve) => {
    const child = spawn(process.execPath, argv, { cwd: dir, env, stdio: 'ignore', detached: true })
    const limit = setTimeout(() => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL'), LIMIT_MS)
    child.on('close', () => {
      clearTimeout(limit)
      resolve(report)
    })
  })
}

/** A mutant is killed only by a test that ran and failed, not by code that does not load. @param {string} file */
function verdictOf(file) {
  if (!existsSync(file)) return { killed: false, by: 'no report: the run did not end' }
  const report = JSON.parse(readFileSync(file, 'utf8'))
  for (const suite of report.testResults) {
    // A file that --bail kept from running has no results either, but no message.
    if (suite.assertionResults.length === 0 && suite.message !== '')
      return { killed: false, by: `does not load: ${suite.message}` }
    const failed = suite.assertionResults.find((/** @type {{ status: string }} */ test) => test.status === 'failed')
    if (failed === undefined) continue
    const message = String(failed.failureMessages[0])
    const told = /(?:seed \d+ \([\w-]+\): )[^\n]*/.exec(message)?.[0] ?? message.split('\n')[0]
    const asserted = message.includes('AssertionError') || message.startsWith('Error: expect')
    return { killed: asserted, by: `${failed.fullName}: ${told}` }
  }
  return { killed: false, by: `${report.numPassedTests} tests passed` }
}

/** @param {Mutant} mutant @returns {Promise<Verdict>} */
async function tryMutant(mutant) {
  const startedAt = performance.now()
  const dir = copyTree(mutant.name)
  const rotten = plant(dir, mutant)
  const verdict =
    rotten === undefined
      ? verdictOf(await runTests(dir, mutant.tests ?? TESTS, mutant.seeds ?? SEEDS))
      : { killed: false, by: `the list is out of date: ${rotten}` }
  if (verdict.killed) rmSync(dir, { recursive: true, force: true })
  return { ...verdict, seconds: (performance.now() - startedAt) / 1000 }
}

async function main() {
  const unknown = positionals.filter((name) => !mutants.some((mutant) => mutant.name === name))
  if (unknown.length > 0) refuseArguments(`no such mutant: ${unknown.join(', ')}`)
  // With no job at all nothing would survive.
  const jobs = integerOf('jobs', values.jobs)
  const chosen = mutants.filter(({ name }) => positionals.length === 0 || positionals.includes(name))

  // A test that fails without a mutant would kill every mutant.
  const sane = verdictOf(
    await runTests(copyTree('none'), [...new Set(chosen.flatMap(({ tests = TESTS }) => tests))], SEEDS),
  )
  if (!/tests passed$/.test(sane.by)) throw new Error(`the tests fail without a mutant: ${sane.by}`)
  rmSync(join(place, 'none'), { recursive: true, force: true })

  const waiting = [...chosen]
  let [killed, survived] = [0, 0]
  const work = async () => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const verdict = await tryMutant(mutant)
      if (verdict.killed) killed++
      else survived++
      const word = verdict.killed ? 'killed  ' : 'SURVIVED'
      console.log(`${word} ${mutant.name} (${verdict.seconds.toFixed(1)} s): ${mutant.bug}\n         ${verdict.by}`)
    }
  }
  await Promise.all(Array.from({ length: jobs }, work))
  console.log(`${chosen.length} mutants: ${killed} killed, ${survived} survived`)
  console.log(`${killed} passed, ${survived} failed`)
  return survived === 0 ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(`mutants: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
}
