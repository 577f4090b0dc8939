import type { Runtime } from '../../core/runtime.ts'
import { timeLimit } from '../../core/time-limit.ts'

/** A broker that does not answer must delay neither `stop` nor a new start. */
export const CLOSE_LIMIT_MS = 5_000

/**
 * Resolves when a channel or connection is closed or was gone already, or after the time limit: amqplib 2.3.1 never
 * settles a close whose connection ends before RabbitMQ has answered it.
 */
export async function closed(runtime: Runtime, one: { close(): Promise<unknown> } | undefined): Promise<void> {
  try {
    await timeLimit(runtime, Promise.resolve(one?.close()), CLOSE_LIMIT_MS, () => undefined)
  } catch {
    // One that is lost cannot be closed.
  }
}
