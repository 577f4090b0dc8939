import { type ChildProcess, fork } from 'node:child_process'
import { JOB_VARIABLE, type Job, WORKERS } from './plan.ts'

/** Longer than any call may take: a worker that is told to stop and does not has a call that never ends. */
const STOP_MS = 20_000

export interface Workers {
  readonly started: number
  kill(index: number): Promise<void>
  /** `SIGSTOP`, and `SIGCONT` after `ms`. False where it is stopped already. */
  pause(index: number, ms: number): Promise<boolean>
  /** Tells every worker to finish what it does. Answers what went wrong, in words. */
  stop(): Promise<string[]>
  /** Ends them all, however far they are. */
  end(): void
}

type Run = { readonly child: ChildProcess; readonly gone: Promise<string>; paused: boolean; meant: boolean }

/** A few worker processes that are replaced when they are killed. */
export function startWorkers(file: string, job: (who: string) => Job): Workers {
  const ended: string[] = []
  let started = 0
  let over = false

  function start(): Run {
    const who = `worker-${++started}`
    const child = startWorker(file, job(who))
    const gone = new Promise<string>((resolve) => {
      child.once('exit', (code, signal) => resolve(`${who} ended with ${signal ?? code}`))
    })
    const run: Run = { child, gone, paused: false, meant: false }
    void gone.then((how) => {
      if (!run.meant && !over) ended.push(`${how}, and nobody had killed it`)
    })
    return run
  }

  const runs = Array.from({ length: WORKERS }, start)
  const at = (index: number) => runs[index] as Run

  return {
    get started() {
      return started
    },
    async kill(index) {
      const { child, gone } = at(index)
      at(index).meant = true
      child.kill('SIGKILL')
      await gone
      if (!over) runs[index] = start()
    },
    async pause(index, ms) {
      const run = at(index)
      if (run.paused) return false
      run.paused = true
      run.child.kill('SIGSTOP')
      await new Promise((resolve) => setTimeout(resolve, ms))
      run.child.kill('SIGCONT')
      run.paused = false
      return true
    },
    async stop() {
      const late: string[] = []
      for (const run of runs) {
        run.meant = true
        if (run.child.connected) run.child.send('stop')
      }
      const stopping = runs.map(async ({ child, gone }) => {
        const timer = setTimeout(() => {
          late.push(`worker ${child.pid} did not end within ${STOP_MS} ms: a call of it never ends`)
          child.kill('SIGKILL')
        }, STOP_MS)
        const how = await gone
        clearTimeout(timer)
        if (!how.endsWith('with 0') && !how.endsWith('SIGKILL')) late.push(how)
      })
      await Promise.all(stopping)
      return [...ended, ...late]
    },
    end() {
      over = true
      for (const { child } of runs) child.kill('SIGKILL')
    },
  }
}

export function startWorker(file: string, job: Job): ChildProcess {
  const child = fork(file, [], {
    execArgv: [],
    env: { ...process.env, [JOB_VARIABLE]: JSON.stringify(job) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  // A message to one that was killed a moment ago.
  child.on('error', () => {})
  return child
}
