import type { Runtime } from '../../core/runtime.ts'
import { timeLimit } from '../../core/time-limit.ts'

/**
 * How long `stop` waits for BullMQ after the last handler ended. BullMQ 6.7.0 never closes if told to while ioredis
 * waits to reconnect: it cancels the reconnect, and then waits for an event that only an open connection emits. Nor do
 * its writes about a job have a time limit.
 */
const CLOSE_LIMIT_MS = 5_000

/** Resolves when BullMQ has closed the worker, or `CLOSE_LIMIT_MS` after the last of `running` is over. */
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

/** Repeated, because a job that was being fetched when `stop` began is added later. */
async function allOver(running: ReadonlySet<Promise<unknown>>): Promise<void> {
  while (running.size > 0) await Promise.allSettled(running)
}
