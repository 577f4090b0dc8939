import { reasonOf } from '../core/errors.ts'
import { quote } from '../core/key.ts'
import type { Publisher, PublishResult } from '../core/publisher.ts'
import type { Runtime } from '../core/runtime.ts'
import type { OutboxMessage } from '../core/store.ts'
import { timeLimit } from '../core/time-limit.ts'

/** Returns one result per message. Throws when nothing is known of any: an error, a timeout, a wrong count. */
export async function answersOf(
  { publish, publishTimeoutMs, runtime }: { publish: Publisher; publishTimeoutMs: number; runtime: Runtime },
  batch: readonly OutboxMessage[],
): Promise<readonly PublishResult[]> {
  const silent = () => new Error(`no answer within ${publishTimeoutMs} ms`)
  // A copy: the caller goes by its own list, which a publisher that takes messages out would leave empty.
  const asked = (async () => publish([...batch]))()
  const results: readonly PublishResult[] = await timeLimit(runtime, asked, publishTimeoutMs, silent)
  if (!Array.isArray(results))
    throw new Error(`the publisher answered ${quote(results)}: it has to answer a list with a result for each message`)
  if (results.length === batch.length) return Array.from(results, answerOf)
  throw new Error(`the publisher gave ${results.length} answers to ${batch.length} messages`)
}

/** A publisher may be untyped JavaScript: one malformed result must not affect the others. */
function answerOf(given: PublishResult | undefined): PublishResult {
  const { ok, reason } = Object(given) as { readonly ok?: unknown; readonly reason?: unknown }
  if (ok === true || (ok === false && typeof reason === 'string')) return given as PublishResult
  if (ok !== false) return { ok: false, reason: 'the publisher gave no answer for it' }
  return { ...(given as object), ok, reason: reason === undefined ? 'the publisher gave no reason' : reasonOf(reason) }
}
