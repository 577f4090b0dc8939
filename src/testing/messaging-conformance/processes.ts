import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import type { MessagingContext } from './harness.ts'
import { until } from './waiting.ts'
import type { WorkPlan } from './worker.ts'

export interface WorkerProcess {
  readonly isOver: boolean
  /** Resolves when the process has ended for any reason. */
  readonly over: Promise<void>
  kill(signal?: NodeJS.Signals): void
}

/** Starts a process with a plan; resolves when it has begun. It is killed when the case is over. */
export async function startWorker<Place, Tx>(
  { harness, after }: MessagingContext<Place, Tx>,
  plan: WorkPlan<Place>,
): Promise<WorkerProcess> {
  const file = harness.worker
  assert.ok(file !== undefined)
  const child = spawn(process.execPath, [file, JSON.stringify(plan)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const worker = watched(child)
  after(async () => {
    worker.kill('SIGKILL')
    await worker.over
  })
  let hasBegun = false
  child.stdout?.on('data', () => {
    hasBegun = true
  })
  await until('the process has begun', () => hasBegun || worker.isOver)
  return worker
}

function watched(child: ChildProcess): WorkerProcess {
  let isOver = false
  const over = new Promise<void>((resolve) => {
    const end = () => {
      isOver = true
      resolve()
    }
    child.once('exit', end)
    child.once('error', end)
  })
  return {
    get isOver() {
      return isOver
    },
    over,
    kill: (signal = 'SIGKILL') => void child.kill(signal),
  }
}

/** Restarts a process whenever it ends, like a supervisor, until `enough` is true. Returns the number of starts. */
export async function keepRestarting<Place, Tx>(
  context: MessagingContext<Place, Tx>,
  plan: WorkPlan<Place>,
  enough: () => Promise<boolean>,
): Promise<number> {
  let count = 0
  let worker: WorkerProcess | undefined
  await until('the work is done, with the process started again and again', async () => {
    if (worker?.isOver !== false) {
      if (worker !== undefined && (await enough())) return true
      worker = await startWorker(context, plan)
      count++
    }
    return enough()
  })
  return count
}
