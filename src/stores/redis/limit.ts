import { ofWholeCall } from '../../core/batcher.ts'
import { OnlyonceError } from '../../core/errors.ts'
import { systemRuntime } from '../../core/runtime.ts'
import { timeLimit } from '../../core/time-limit.ts'
import type { RedisNode, RedisPort } from './port.ts'

/**
 * Limits the time of a verb: a client may leave the promise of a lost command open for ever, or wait as long as its
 * server is silent. The error carries the later answers, since a claim may still be granted.
 * @throws OnlyonceError STORE_UNAVAILABLE
 */
export function inTime<T>(answers: Promise<readonly T[]>, ms: number): Promise<readonly T[]> {
  return timeLimit(systemRuntime, answers, ms, () => ofWholeCall(silent(ms), answers))
}

/** Returns the port with a time limit on every command to a node. */
export function limited(port: RedisPort, ms: number): RedisPort {
  const limit = <T>(answer: Promise<T>): Promise<T> => timeLimit(systemRuntime, answer, ms, () => silent(ms))
  const limitedNode = ({ name, send }: RedisNode): RedisNode => ({ name, send: (words) => limit(send(words)) })
  return { ...port, nodes: async () => (await limit(port.nodes())).map(limitedNode) }
}

function silent(ms: number): OnlyonceError {
  return new OnlyonceError(
    'STORE_UNAVAILABLE',
    `redis did not answer within ${ms} ms; what was asked may have happened: ask again`,
  )
}
