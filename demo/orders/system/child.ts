import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Addresses, type Report, SETUP, type WorkerSetup } from './messages.ts'

const WORKER = fileURLToPath(new URL(`./worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url))
const STDERR_KEPT = 4_000
/** A worker that ends by itself this often is broken, and restarting it would hide that. */
const MAX_CRASHES = 10
const RESTART_AFTER_CRASH_MS = 100

export interface ChildEvents {
  readonly onReady?: (port: number | undefined) => void
  readonly onGone?: () => void
  readonly onProgress?: (done: number) => void
  /** The process cannot be kept alive. */
  readonly onBroken: (error: Error) => void
}

/** A process that is restarted whenever it ends, until it is stopped. */
export interface Child {
  /** Resolves when it is ready for the first time. */
  readonly ready: Promise<number | undefined>
  /** The result of a role whose work ends. */
  readonly finished: Promise<unknown>
  /** When it became ready; undefined while it starts. */
  readonly workingSince: () => number | undefined
  send(message: Addresses): void
  /** Sends SIGKILL, and starts a new process at once. */
  kill(): void
  /** Sends SIGKILL without a restart. Resolves when the process is gone. */
  stop(): Promise<void>
}

export function startChild(name: string, setup: WorkerSetup, events: ChildEvents): Child {
  let current: ChildProcess
  let readyAt: number | undefined
  let stopped = false
  let killed = false
  let crashes = 0
  let stderr = ''
  let gone: Promise<void>
  let resolveReady: (port: number | undefined) => void
  let resolveFinished: (result: unknown) => void
  const ready = new Promise<number | undefined>((resolve) => {
    resolveReady = resolve
  })
  const finished = new Promise<unknown>((resolve) => {
    resolveFinished = resolve
  })

  function start(): void {
    killed = false
    // Not as an argument: all users of the machine can read arguments, and the store's URL may hold a password.
    current = fork(WORKER, [setup.role], {
      env: { ...process.env, [SETUP]: JSON.stringify(setup) },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // Otherwise `node:sqlite` warns at every start that it is experimental.
      execArgv: ['--disable-warning=ExperimentalWarning'],
    })
    current.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-STDERR_KEPT)
    })
    current.on('message', hear)
    current.on('error', (error) => events.onBroken(error))
    gone = new Promise((resolve) => {
      // A process that failed to start emits no exit.
      if (current.pid === undefined) resolve()
      current.once('exit', (code, signal) => {
        resolve()
        ended(signal ?? `code ${code}`)
      })
    })
  }

  function hear(message: unknown): void {
    const report = message as Report
    if (report.type === 'progress') events.onProgress?.(report.done)
    if (report.type === 'finished') resolveFinished(report.result)
    if (report.type !== 'ready') return
    readyAt = Date.now()
    resolveReady(report.port)
    events.onReady?.(report.port)
  }

  function ended(how: string): void {
    readyAt = undefined
    if (stopped) return
    events.onGone?.()
    if (killed) {
      start()
      return
    }
    crashes++
    if (crashes > MAX_CRASHES) {
      events.onBroken(new Error(`the ${name} worker ended ${crashes} times by itself, last with ${how}\n${stderr}`))
    } else setTimeout(() => stopped || start(), RESTART_AFTER_CRASH_MS)
  }

  start()
  return {
    ready,
    finished,
    workingSince: () => readyAt,
    send: (message) => {
      if (current.connected) current.send(message)
    },
    kill() {
      killed = true
      readyAt = undefined
      current.kill('SIGKILL')
    },
    stop() {
      stopped = true
      current.kill('SIGKILL')
      return gone
    },
  }
}
