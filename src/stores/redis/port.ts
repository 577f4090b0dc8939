import type { Word } from './client.ts'

/** A Redis connection as the store needs it, whatever the client. */
export interface RedisPort {
  /** In a cluster, commands have keys of one slot, by which the client finds the node. */
  readonly isCluster: boolean
  /** Sends one command. Bulk strings are returned as bytes. */
  send(key: string | undefined, words: Word[]): Promise<unknown>
  /** Returns the masters, by stable names; outside of a cluster there is one. */
  nodes(): Promise<readonly RedisNode[]>
  /**
   * Sends commands back to back on one connection. Absent where the client does not control which connection a command
   * takes.
   */
  together?(commands: readonly Word[][]): Promise<readonly unknown[]>
  /**
   * Listens on a channel with a separate connection until `signal` aborts; resolves once subscribed. If it aborts
   * before that, the promise may stay pending: only the connection must be closed.
   */
  subscribe(channel: string, listener: (message: string) => void, signal: AbortSignal): Promise<void>
}

export interface RedisNode {
  readonly name: string
  send(words: Word[]): Promise<unknown>
}
