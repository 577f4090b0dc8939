import { OnlyonceError, reasonOf } from '../core/errors.ts'
import { discard } from './attempt.ts'
import type { LogicalCall } from './call.ts'
import type { Tell } from './listening.ts'
import type { ResolvedClient } from './options.ts'
import { queuedCall } from './queued-call.ts'
import { reasonFor } from './reason.ts'
import { askedMs } from './retry-after.ts'
import type { Ended } from './tries.ts'
import type { WaitingRoom } from './waiting-room.ts'

/** Names the policy that made up an answer, which distinguishes it from one of the server. */
const POLICY_HEADER = 'onlyonce-policy'

/** Returns the answer or throws the error of the last attempt, as `fetch` itself would. */
export function plainEnd({ tried }: Ended): Response {
  if (tried.kind === 'failed') throw tried.error
  return tried.response
}

/** Returns the `fallback`, the server's answer or a 503 instead of throwing; the latter two still show the failure. */
export function swallow(ended: Ended, { fallback }: ResolvedClient, tell: Tell): Response {
  const { tried } = ended
  const reason = reasonFor(tried)
  if (fallback === undefined && tried.kind === 'answered') return tried.response
  tell({ type: 'swallowed', reason })
  if (fallback === undefined) return unreachable(reason)
  return fallback(tried.kind === 'answered' ? { response: tried.response, reason } : { error: tried.error, reason })
}

const SAFE = ['GET', 'HEAD', 'OPTIONS', 'TRACE']

/** Whether to queue a call: reading later is useless, and what is not repeatable must not be sent later. */
export function worthKeeping({ repeatable, method }: LogicalCall): boolean {
  return repeatable && !SAFE.includes(method)
}

/**
 * Queues the call and returns a 202.
 * @throws OnlyonceError STORE_UNAVAILABLE when it could not be queued: then nobody will send it
 */
export async function keep(
  call: LogicalCall,
  ended: Ended,
  { queue, queuedHeaders, keyHeader, runtime }: ResolvedClient,
  room: WaitingRoom,
  tell: Tell,
): Promise<Response> {
  const { tried } = ended
  const reason = reasonFor(tried)
  // The bytes are in the queued call.
  const { body: _, ...init } = call.init
  const names = [keyHeader, ...queuedHeaders.map((name) => name.toLowerCase())]
  try {
    if (queue === undefined)
      room.add(
        queuedCall(call, runtime, () => true),
        init,
        askedMs(tried, runtime),
        tell,
      )
    else await queue(queuedCall(call, runtime, (name) => names.includes(name)))
  } catch (error) {
    throw new OnlyonceError(
      'STORE_UNAVAILABLE',
      `the call failed (${reason}) and could not be queued (${reasonOf(error)}); send it again with the same key`,
      { cause: error },
    )
  }
  if (tried.kind === 'answered') discard(tried.response)
  tell({ type: 'queued', reason, durable: queue !== undefined })
  return new Response(null, { status: 202, headers: { [POLICY_HEADER]: 'failback' } })
}

function unreachable(reason: string): Response {
  const problem = { title: 'The server did not answer', status: 503, detail: reason }
  const headers = { 'content-type': 'application/problem+json', [POLICY_HEADER]: 'failsafe' }
  return new Response(JSON.stringify(problem), { status: 503, headers })
}
