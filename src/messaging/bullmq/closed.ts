import type { Runtime } from '../../core/runtime.ts'
import { timeLimit } from '../../core/time-limit.ts'

/**
 * How long an end waits for BullMQ when nothing is handled any more. BullMQ 6.7.0 never closes when it is told to while
 * ioredis waits to connect again: it calls that off, and then waits for an event that only an open connection has. And what
 * it writes about a job has no time limit.
 */
const CLOSE_LIMIT_MS = 5_000

/** Resolves when BullMQ has closed the worker, or is silent for too long after the last of `running` is over. */
export async function closed(
  runtime: Runtime,
  closing: Promise<unknown>,
  running: ReadonlySet<Promise<unknown>>,
  onFailure: (error: unknown) => void,
): Promise<void> {
  const silent = () =>
    new Error(`BullMQ did not close the worker within ${CLOSE_LIMIT_MS} ms: what it holds comes again`)
  try {
    await Promise.race([closing, allOver(running)])
    await timeLimit(runtime, closing, CLOSE_LIMIT_MS, silent)
  } catch (error) {
    onFailure(error)
  }
}

/** What was being fetched when the end began is added later. */
async function allOver(running: ReadonlySet<Promise<unknown>>): Promise<void> {
  while (running.size > 0) await Promise.allSettled(running)
}
