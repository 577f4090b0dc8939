import type { Runtime } from '../../core/runtime.ts'
import { timeLimit } from '../../core/time-limit.ts'

/** Neither an end nor a new beginning is held up by a broker that does not answer. */
export const CLOSE_LIMIT_MS = 5_000

/**
 * Resolves when a channel or connection is closed, was gone already, or does not say: amqplib 2.3.1 never settles a close
 * whose connection ends before RabbitMQ has answered it.
 */
export async function closed(runtime: Runtime, one: { close(): Promise<unknown> } | undefined): Promise<void> {
  try {
    await timeLimit(runtime, Promise.resolve(one?.close()), CLOSE_LIMIT_MS, () => undefined)
  } catch {
    // One that is lost cannot be closed.
  }
}
