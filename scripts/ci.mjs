// Called by .ci/run: every step on this Node, then the tests again on Node 24, then the sum of all counts, written to
// .cache/ci/total for .ci/run to print last.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { atLeastOneFailure, checkCounts, one, printedCounts, vitestCounts, worthASecondLook } from './lib/counts.mjs'
import { cacheDir, root } from './lib/paths.mjs'

const MINUTE = 60_000
const reports = join(cacheDir, 'ci')
/**
 * Whole systems whose servers and workers are killed for minutes, the code in the docs, and what runs on other runtimes.
 * They run on one Node only: differences between Node versions show in the other tests.
 */
const TOLD_BY_ONE_NODE = [
  'test/chaos/**',
  'test/docs/**',
  'test/runtimes/**',
  'test/integration/demo*.test.ts',
  'test/integration/*-crash.test.ts',
  'test/testing/crash-{databases,examples,jest}.test.ts',
]
/** These tests mostly wait for servers and leases, so two files at a time use the machine better than one. */
const TWO_AT_ONCE = { VITEST_MAX_WORKERS: '2' }
const total = { passed: 0, failed: 0, skipped: 0 }
rmSync(reports, { recursive: true, force: true })
mkdirSync(reports, { recursive: true })

/** @typedef {{ ok: boolean, counts: import('./lib/counts.mjs').Counts }} Outcome */

/** @param {string} name @param {() => Promise<Outcome>} work */
async function step(name, work) {
  console.log(`\n=== ${name}`)
  const start = Date.now()
  const { ok, ...outcome } = await work()
  const counts = atLeastOneFailure(outcome.counts, ok)
  for (const key of /** @type {const} */ (['passed', 'failed', 'skipped'])) total[key] += counts[key]
  const seconds = ((Date.now() - start) / 1000).toFixed(0)
  console.log(`=== ${name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped (${seconds} s)`)
}

/**
 * @param {string} name
 * @param {string[]} argv
 * @param {{ minutes: number, env?: NodeJS.ProcessEnv, count?: (output: string, ok: boolean) => import('./lib/counts.mjs').Counts }} options
 */
function command(name, argv, { minutes, env = process.env, count = (output, ok) => printedCounts(output) ?? one(ok) }) {
  return step(name, async () => {
    const { ok, output } = await run(argv, env, minutes * MINUTE)
    return { ok, counts: count(output, ok) }
  })
}

/** @param {string[]} argv @param {NodeJS.ProcessEnv} env @param {number} limitMs @returns {Promise<{ ok: boolean, output: string }>} */
function run([command = '', ...args], env, limitMs) {
  return new Promise((resolve) => {
    // Its own process group, so that the time limit also ends what the step started.
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text
        process.stdout.write(text)
      })
    }
    const end = () => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL')
    const interrupted = () => {
      end()
      process.exit(130)
    }
    const timer = setTimeout(() => {
      console.log(`=== ended: it took longer than ${limitMs / MINUTE} minutes`)
      end()
    }, limitMs)
    process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
    child.on('error', (error) => console.log(String(error)))
    child.on('close', (code) => {
      clearTimeout(timer)
      process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
      resolve({ ok: code === 0, output })
    })
  })
}

/** @param {string} name @param {{ env?: NodeJS.ProcessEnv, without?: readonly string[] }} [options] */
function tests(name, { env = process.env, without = [] } = {}) {
  /** @param {string} report @param {string[]} argv @param {NodeJS.ProcessEnv} more */
  const vitest = (report, argv, more) => {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
    return run(['npm', 'test', '--', ...reporters, ...argv], { ...env, ...more }, 60 * MINUTE)
  }
  return step(`tests ${name}`, async () => {
    const first = join(reports, `${name}.json`)
    const { ok, output } = await vitest(
      first,
      without.map((pattern) => `--exclude=${pattern}`),
      TWO_AT_ONCE,
    )
    const files = ok ? [] : worthASecondLook(first, output)
    if (files.length === 0) return { ok, counts: vitestCounts(first) }
    console.log(`\n=== tests ${name}: once more with nothing beside them: ${files.join(' ')}`)
    const second = join(reports, `${name}-second.json`)
    const again = await vitest(second, files, {})
    console.log(
      `=== tests ${name}: failed beside other tests, ${again.ok ? 'passed' : 'and failed'} alone: ${files.join(' ')}`,
    )
    return { ok: again.ok, counts: vitestCounts(first, second) }
  })
}

async function main() {
  const checkReport = join(reports, 'check.json')
  await tests(`node-${process.versions.node.split('.')[0]}`)
  await command('check', ['npm', 'run', 'check', '--', '--report', checkReport], {
    minutes: 10,
    count: () => checkCounts(checkReport),
  })
  await command('simulate', ['npm', 'run', 'simulate', '--', '--seeds', '200000'], { minutes: 12 })
  await command('mutants', ['npm', 'run', 'mutants'], { minutes: 12 })

  const env = await node24()
  if (env === undefined) return
  await tests('node-24', { env, without: TOLD_BY_ONE_NODE })
  await command('simulate node-24', ['npm', 'run', 'simulate', '--', '--seeds', '20000'], { minutes: 4, env })
}

/** Node 24 from the registry: the package for each platform is just the binary, without an install script. */
async function node24() {
  const home = join(cacheDir, 'node24')
  const name = `node-${process.platform}-${process.arch}`
  const binary = join(home, 'node_modules', name, 'bin', 'node')
  mkdirSync(home, { recursive: true })
  const argv = [
    'npm',
    'install',
    '--prefix',
    home,
    '--no-save',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    `${name}@24`,
  ]
  await command('get node 24', argv, { minutes: 4, count: () => one(isNode24(binary)) })
  if (!isNode24(binary)) return undefined
  // The brokers' own tests take minutes and ran above; Redis Streams and BullMQ run on both.
  return { ...process.env, ONLYONCE_TEST_BROKERS: '0', PATH: `${dirname(binary)}${delimiter}${process.env.PATH}` }
}

/** @param {string} binary */
function isNode24(binary) {
  return existsSync(binary) && spawnSync(binary, ['--version'], { encoding: 'utf8' }).stdout.startsWith('v24.')
}

try {
  await main()
} catch (error) {
  console.log(error)
  total.failed += 1
}
process.exitCode = total.failed === 0 ? 0 : 1
writeFileSync(join(reports, 'total'), `${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`)
