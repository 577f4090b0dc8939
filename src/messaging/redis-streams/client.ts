/** One word of a command, for every client. */
export type Word = string | Buffer

/** The part of ioredis' and iovalkey's `Redis` and `Cluster` that we use. */
export interface IoredisStreams {
  callBuffer(command: string, args: Word[]): Promise<unknown>
  readonly isCluster: boolean
}

/** Asks node-redis for bytes in place of text. */
interface AsBytes {
  readonly typeMapping?: { readonly 36: typeof Buffer }
}

/** The part of node-redis' client that we use. */
export interface NodeRedisStreams {
  sendCommand(args: readonly Word[], options?: AsBytes): Promise<unknown>
  duplicate(): unknown
}

/** The part of node-redis' cluster that we use. */
export interface NodeRedisClusterStreams {
  sendCommand(
    firstKey: string | undefined,
    isReadonly: boolean | undefined,
    args: Word[],
    options?: AsBytes,
  ): Promise<unknown>
  readonly masters: readonly unknown[]
}

/** The part of node-redis' sentinel client that we use. */
export interface NodeRedisSentinelStreams {
  sendCommand(isReadonly: boolean | undefined, args: Word[], options?: AsBytes): Promise<unknown>
  acquire(): unknown
}

/** Any of them, taken by shape: onlyonce imports none. */
export type RedisStreamsClient = IoredisStreams | NodeRedisStreams | NodeRedisClusterStreams | NodeRedisSentinelStreams
