import type { Publisher, PublishResult } from '../core/publisher.ts'
import type { Runtime } from '../core/runtime.ts'
import type { OutboxMessage } from '../core/store.ts'
import { timeLimit } from '../core/time-limit.ts'

/** One answer for each message; throws when nothing is known of any of them. */
export async function answersOf(
  { publish, publishTimeoutMs, runtime }: { publish: Publisher; publishTimeoutMs: number; runtime: Runtime },
  batch: readonly OutboxMessage[],
): Promise<readonly PublishResult[]> {
  const silent = () => new Error(`no answer within ${publishTimeoutMs} ms`)
  const asked = (async () => publish(batch))()
  const results = await timeLimit(runtime, asked, publishTimeoutMs, silent)
  if (results.length === batch.length) return results
  throw new Error(`the publisher gave ${results.length} answers to ${batch.length} messages`)
}
