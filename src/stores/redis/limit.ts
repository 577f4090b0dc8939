import { OnlyonceError } from '../../core/errors.ts'
import { systemRuntime } from '../../core/runtime.ts'
import { timeLimit } from '../../core/time-limit.ts'
import type { RedisNode, RedisPort } from './port.ts'

/**
 * The same connection, but every command ends: a client that does not send again what it lost may leave a promise open
 * for ever, and one whose server is silent waits as long as the server does.
 * @throws OnlyonceError STORE_UNAVAILABLE
 */
export function limited(port: RedisPort, ms: number): RedisPort {
  const inTime = <T>(answer: Promise<T>): Promise<T> => timeLimit(systemRuntime, answer, ms, () => silent(ms))
  const { together } = port
  return {
    isCluster: port.isCluster,
    send: (key, words) => inTime(port.send(key, words)),
    nodes: async () => (await inTime(port.nodes())).map((node) => limitedNode(node, inTime)),
    subscribe: (channel, listener, signal) => port.subscribe(channel, listener, signal),
    ...(together === undefined ? {} : { together: (commands) => inTime(together(commands)) }),
  }
}

function limitedNode({ name, send }: RedisNode, inTime: <T>(answer: Promise<T>) => Promise<T>): RedisNode {
  return { name, send: (words) => inTime(send(words)) }
}

function silent(ms: number): OnlyonceError {
  return new OnlyonceError(
    'STORE_UNAVAILABLE',
    `redis did not answer within ${ms} ms; what was asked may have happened: ask again`,
  )
}
