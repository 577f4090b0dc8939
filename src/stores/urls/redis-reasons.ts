import { reasonOf } from '../../core/errors.ts'
import type { IoredisClient, IoredisCluster } from '../redis/index.ts'

export type Client = (IoredisClient | IoredisCluster) & {
  readonly status: string
  connect(): Promise<void>
  on(event: 'error' | 'sentinelError', listener: (error: unknown) => void): unknown
  on(event: 'node error', listener: (error: unknown, node: string) => void): unknown
  disconnect(): void
}

/** What ioredis says when it gives up a cluster or its sentinels, without a reason or a place, and what it means. */
const NOBODY: readonly (readonly [start: RegExp, meaning: string])[] = [
  [/^None of startup nodes is available|^Failed to refresh slots cache/, 'no node of the cluster could be asked'],
  [/^All sentinels are unreachable/, 'no sentinel named a master'],
]

/**
 * A command that is given up says how often it was tried. What the connection met the client tells in events, one of which
 * it would print if nobody listened. A client that gave up its cluster or its sentinels takes no more commands: the next
 * one has it connect anew. Returns the function that closes it for good.
 */
export function tellWhy(client: Client): () => Promise<void> {
  let met: string | undefined
  let closed = false
  const meaningOf = (error: unknown) => NOBODY.find(([start]) => start.test(reasonOf(error)))?.[1]
  client.on('error', (error) => {
    if (meaningOf(error) === undefined) met = toldBy(error)
  })
  client.on('node error', (error, node) => {
    met = `${node}: ${toldBy(error)}`
  })
  client.on('sentinelError', (error) => {
    met = toldBy(error)
  })
  const send = client.callBuffer.bind(client)
  client.callBuffer = (command, args) => {
    if (client.status === 'end' && !closed) client.connect().catch(() => {})
    return send(command, args).catch((error: unknown) => {
      const nobody = meaningOf(error)
      const isGivenUp = nobody !== undefined || Object(error).name === 'MaxRetriesPerRequestError'
      if (!isGivenUp || met === undefined) throw error
      throw new Error(nobody === undefined ? met : `${nobody}: ${met}`, { cause: error })
    })
  }
  return async () => {
    closed = true
    client.disconnect()
  }
}

/** A name with several addresses fails with all of their errors, and without words of its own. */
function toldBy(met: unknown): string {
  return met instanceof AggregateError ? met.errors.map(reasonOf).join('; ') : reasonOf(met)
}
