// Plays seeded schedules of the built package under every fault. Exit code 1: an invariant broke, or the run was vacuous.
//   --seeds N [--from S] [--jobs J] [--json]   many schedules; a failure prints its seed
//   --seed S                                   one schedule, with everything that happens in it
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { MODES, playSchedule, REQUIRED, simulate, unreached } from '../dist/testing/simulate/index.js'
import { integerOf, readArguments } from './lib/arguments.mjs'

/** @typedef {{ schedules: number, steps: number, virtualMs: number, counts: [string, number][], failure?: import('../dist/testing/simulate/index.js').ScheduleReport, rejection?: string }} Part */

const self = fileURLToPath(import.meta.url)
/** With fewer schedules it is chance what was reached; the rarest states need a few thousand. */
const ENOUGH_FOR_THE_GATE = 20_000

const { values } = readArguments({
  options: {
    seeds: { type: 'string', default: '20000' },
    seed: { type: 'string' },
    from: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
})

/** @param {number} seed */
async function replay(seed) {
  const report = await playSchedule({ seed, tracing: true })
  const { violation, hash, steps, mode } = report
  if (values.json) console.log(JSON.stringify({ ...report, counts: [...report.counts] }))
  else {
    for (const line of report.trace) console.log(line)
    console.log(`seed ${seed}, ${mode}: ${steps} steps, trace ${hash}`)
    console.log(violation === undefined ? 'ok' : `${violation.invariant} BROKEN: ${violation.message}`)
  }
  return violation === undefined ? 0 : 1
}

/** @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set()
/** A broken invariant was found, and the other children were told to end. Any other end of a child is an error. */
let ending = false

/**
 * In a separate process, because V8 takes the size of its young generation only at start: most objects die young.
 * @param {number} from @param {number} seeds @param {(played: number) => void} onProgress @returns {Promise<Part>}
 */
function part(from, seeds, onProgress) {
  return new Promise((resolve, reject) => {
    const child = fork(self, [], {
      // Nobody reads the stacks of errors that are thrown on purpose.
      execArgv: ['--max-semi-space-size=32', '--stack-trace-limit=0'],
      env: { ...process.env, ONLYONCE_SIMULATE: `${from} ${seeds}` },
      serialization: 'advanced',
    })
    children.add(child)
    let played = 0
    child.on('message', (/** @type {{ played: number } | { part: Part }} */ message) => {
      if ('played' in message) {
        played = message.played
        return onProgress(played)
      }
      resolve(message.part)
      children.delete(child)
      // One broken invariant is enough: the others are ended.
      if (message.part.failure === undefined) return
      ending = true
      for (const other of children) other.kill()
    })
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (ending && signal === 'SIGTERM') resolve({ schedules: played, steps: 0, virtualMs: 0, counts: [] })
      else reject(new Error(`a simulating process ended with ${code ?? signal} before its answer`))
    })
  })
}

/** @param {string} range */
async function work(range) {
  const [from = 1, seeds = 1] = range.split(' ').map(Number)
  const send = (/** @type {object} */ message) => process.send?.(message)
  /** @type {string | undefined} */
  let rejection
  process.on('unhandledRejection', (error) => {
    rejection ??= String(error)
  })
  const { schedules, steps, virtualMs, counts, failure } = await simulate({
    from,
    seeds,
    onProgress: (played) => played % 500 === 0 && send({ played }),
  })
  send({ part: { schedules, steps, virtualMs, counts: [...counts], failure, rejection } })
  process.disconnect()
}

/** @param {number} from @param {number} seeds @param {number} jobs */
async function many(from, seeds, jobs) {
  const startedAt = performance.now()
  const share = Math.ceil(seeds / jobs)
  const played = Array.from({ length: jobs }, () => 0)
  const parts = await Promise.all(
    played.map((_, job) =>
      part(from + job * share, Math.max(0, Math.min(share, seeds - job * share)), (now) => {
        played[job] = now
        if (process.stderr.isTTY) process.stderr.write(`\r${played.reduce((a, b) => a + b)} of ${seeds} schedules`)
      }),
    ),
  )
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  const seconds = (performance.now() - startedAt) / 1000
  /** @type {Map<string, number>} */
  const counts = new Map()
  for (const one of parts) for (const [name, times] of one.counts) counts.set(name, (counts.get(name) ?? 0) + times)
  const sum = (/** @type {(one: Part) => number} */ of) => parts.reduce((total, one) => total + of(one), 0)
  return {
    schedules: sum((one) => one.schedules),
    steps: sum((one) => one.steps),
    virtualMs: sum((one) => one.virtualMs),
    seconds,
    counts,
    unreached: unreached(counts),
    failure: parts.find((one) => one.failure !== undefined)?.failure,
    rejection: parts.find((one) => one.rejection !== undefined)?.rejection,
  }
}

/** @param {Awaited<ReturnType<typeof many>>} run @param {boolean} vacuous */
function print(run, vacuous) {
  const { schedules, steps, virtualMs, seconds, counts, failure, rejection } = run
  for (const line of failure?.trace ?? []) console.log(line)
  for (const [name, times] of [...counts].sort(([a], [b]) => (a < b ? -1 : 1))) {
    console.log(`${String(times).padStart(10)}  ${name}`)
  }
  const rate = Math.round(schedules / seconds)
  console.log(
    `${schedules} schedules in ${seconds.toFixed(1)} s (${rate}/s), ${steps} steps, ${(virtualMs / 3_600_000).toFixed(1)} h of virtual time, ${MODES.length} modes`,
  )
  console.log(`${REQUIRED.length - run.unreached.length} of ${REQUIRED.length} required faults and states reached`)
  if (vacuous) console.log(`VACUOUS, never reached: ${run.unreached.join('; ')}`)
  if (rejection !== undefined) console.log(`UNHANDLED REJECTION: ${rejection}`)
  if (failure !== undefined) {
    const { seed, mode, violation } = failure
    console.log(`seed ${seed} (${mode}): ${violation?.invariant} BROKEN: ${violation?.message}`)
    console.log(`replay it: npm run simulate -- --seed ${seed}`)
  }
}

async function main() {
  if (values.seed !== undefined) return replay(integerOf('seed', values.seed))
  const run = await many(
    integerOf('from', values.from),
    integerOf('seeds', values.seeds),
    integerOf('jobs', values.jobs),
  )
  const vacuous = run.failure === undefined && run.schedules >= ENOUGH_FOR_THE_GATE && run.unreached.length > 0
  const ok = run.failure === undefined && run.rejection === undefined && !vacuous
  if (values.json) console.log(JSON.stringify({ ok, ...run, counts: Object.fromEntries(run.counts) }, asJson))
  else {
    print(run, vacuous)
    if (ok) console.log('ok')
  }
  return ok ? 0 : 1
}

/** @param {string} _ @param {unknown} value */
function asJson(_, value) {
  return value instanceof Map ? Object.fromEntries(value) : value
}

if (process.env.ONLYONCE_SIMULATE !== undefined && process.send !== undefined) await work(process.env.ONLYONCE_SIMULATE)
else {
  try {
    process.exitCode = await main()
  } catch (error) {
    console.error(`simulate: ${error instanceof Error ? error.message : error}`)
    for (const child of children) child.kill()
    process.exitCode = 1
  }
}
