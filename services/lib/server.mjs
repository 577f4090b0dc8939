// One server process: started, killed, paused and started again on the same port and data.
import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** @typedef {ReturnType<typeof createServer>} Server */
/** @typedef {import('node:child_process').ChildProcess} ChildProcess */

/** Enough for a Java server on a busy machine. */
const READY_MS = 60_000
const LOOK_EVERY_MS = 20
/** An orderly shutdown is awaited no longer than this. */
const PATIENCE_MS = 10_000
/** After a kill the server may still find its own leftovers (shared memory, a lock file) for a moment. */
const STARTS = 5
const ENDS_IT = ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGQUIT']

/**
 * The shell waits for a line before it becomes the server: if we are killed before the guard knows the pid, the line
 * never comes, and no process is left behind.
 */
const WAIT_THEN_RUN = 'read -r _ || exit 1; exec "$@" </dev/null'

/** @param {import('./recipe.mjs').ServerSpec} spec @param {import('./guarded.mjs').Guard} guard */
export function createServer(spec, guard) {
  const { name, url, port, dir, env, user, fast = 'SIGTERM', immediate = 'SIGKILL' } = spec
  const { patienceMs = PATIENCE_MS } = spec
  const log = join(dir, `${name}.log`)
  /** @type {ChildProcess | undefined} */
  let child
  /** @type {Promise<void>} */
  let gone = Promise.resolve()

  const isRunning = () => child !== undefined && child.exitCode === null && child.signalCode === null

  async function run() {
    const output = openSync(log, 'a')
    const started = spawn('/bin/sh', ['-c', WAIT_THEN_RUN, 'sh', spec.command, ...spec.args], {
      cwd: dir,
      env: { ...process.env, ...env },
      // Its own process group: signals to ours must not reach it before the guard acts.
      detached: true,
      stdio: ['pipe', output, output],
      ...(user ?? {}),
    })
    closeSync(output)
    child = started
    const { pid, stdin } = started
    gone = new Promise((resolve) => {
      const end = () => {
        if (pid !== undefined) guard.forget(pid)
        resolve()
      }
      started.once('exit', end).once('error', end)
    })
    if (pid === undefined) return
    guard.process(pid)
    stdin?.on('error', () => {})
    stdin?.end('go\n')
    // Does not keep its owner alive.
    started.unref()
  }

  async function start() {
    for (let starts = 1; ; starts++) {
      await run()
      if (await isReady()) return
      await kill('SIGKILL')
      if (starts === STARTS) throw new Error(`${name} did not start: ${lastLines(log)}`)
      await sleep(100 * starts)
    }
  }

  async function isReady() {
    for (const end = Date.now() + READY_MS; Date.now() < end && isRunning(); ) {
      if (await spec.ready().catch(() => false)) return isRunning()
      await sleep(LOOK_EVERY_MS)
    }
    return false
  }

  /** @param {NodeJS.Signals} signal */
  async function kill(signal = 'SIGKILL') {
    if (!isRunning()) return
    // The owner must stay alive until the server has ended.
    child?.ref()
    child?.kill(signal)
    if (!ENDS_IT.includes(signal)) return
    const giveUp = new AbortController()
    await Promise.race([gone, sleep(patienceMs, undefined, { signal: giveUp.signal }).catch(() => {})])
    giveUp.abort()
    if (!isRunning()) return
    child?.kill('SIGKILL')
    await gone
  }

  return {
    name,
    url,
    port,
    get pid() {
      return child?.pid ?? 0
    },
    start,
    kill,
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    /** @param {import('../launch.d.mts').RestartMode} [mode] */
    async restart(mode = 'fast') {
      // A stopped process handles no signal except SIGKILL.
      child?.kill('SIGCONT')
      await kill(mode === 'fast' ? fast : immediate)
      await start()
    },
  }
}

/** @param {string} file */
function lastLines(file) {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-8).join('\n') || 'it printed nothing'
  } catch {
    return 'it has no log'
  }
}
