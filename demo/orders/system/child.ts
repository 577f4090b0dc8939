import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Addresses, type Report, SETUP, type WorkerSetup } from './messages.ts'

const WORKER = fileURLToPath(new URL(`./worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url))
const STDERR_KEPT = 4_000
/** A worker that ends by itself so often is broken, and restarting it hides that. */
const MAX_CRASHES = 10
const RESTART_AFTER_CRASH_MS = 100

export interface ChildEvents {
  readonly onReady?: (port: number | undefined) => void
  readonly onGone?: () => void
  readonly onProgress?: (done: number) => void
  /** It cannot be kept alive. */
  readonly onBroken: (error: Error) => void
}

/** A process that is started again whenever it ends, until it is stopped. */
export interface Child {
  /** Resolves when it is ready for the first time. */
  readonly ready: Promise<number | undefined>
  /** What it finished with. Only of roles whose work ends. */
  readonly finished: Promise<unknown>
  /** When it became ready, or undefined while it starts. */
  readonly workingSince: () => number | undefined
  send(message: Addresses): void
  /** SIGKILL, and a new process at once. */
  kill(): void
  /** SIGKILL, and no other. Resolves when it is gone. */
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
    // Everybody on the machine may read the arguments, and the store's URL may hold a password: that goes another way.
    current = fork(WORKER, [setup.role], {
      env: { ...process.env, [SETUP]: JSON.stringify(setup) },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // `node:sqlite` announces on every start that it is experimental.
      execArgv: ['--disable-warning=ExperimentalWarning'],
    })
    current.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-STDERR_KEPT)
    })
    current.on('message', hear)
    current.on('error', (error) => events.onBroken(error))
    gone = new Promise((resolve) => {
      // One that never began has no exit.
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
