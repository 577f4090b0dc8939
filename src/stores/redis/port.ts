import type { Word } from './client.ts'

/** A Redis connection as the store needs it, whatever the client. */
export interface RedisPort {
  /** A cluster: one key per command, and the client finds the node by it. */
  readonly isCluster: boolean
  /** One command, answered with bytes where Redis answers a bulk string. */
  send(key: string | undefined, words: Word[]): Promise<unknown>
  /** The masters, each by a name that stays; one that is not a cluster is its only one. */
  nodes(): Promise<readonly RedisNode[]>
  /**
   * Sends commands one behind the other on one connection, nothing between. Left out where the client does not say
   * which connection a command takes.
   */
  together?(commands: readonly Word[][]): Promise<readonly unknown[]>
  /**
   * Listens on a channel with a connection of its own until `signal` aborts; resolves when it listens.
   * One that was given up before it stood may stay open: only the connection has to go.
   */
  subscribe(channel: string, listener: (message: string) => void, signal: AbortSignal): Promise<void>
}

export interface RedisNode {
  readonly name: string
  send(words: Word[]): Promise<unknown>
}
