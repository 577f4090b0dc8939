/** One argument of a command. */
export type Word = string | Buffer

/** The part of ioredis' and iovalkey's `Redis` that we use, plain or through Sentinel. */
export interface IoredisClient {
  callBuffer(command: string, args: Word[]): Promise<unknown>
  duplicate(override?: { enableOfflineQueue?: boolean; lazyConnect?: boolean }): IoredisSubscriber
  readonly options: { readonly keyPrefix?: string | undefined }
  readonly isCluster: boolean
}

export interface IoredisSubscriber {
  subscribe(channel: string): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  on(event: 'message', listener: (channel: string, message: string) => void): unknown
  on(event: 'error', listener: (error: unknown) => void): unknown
  off(event: 'message', listener: (channel: string, message: string) => void): unknown
  disconnect(): void
}

/** The part of ioredis' and iovalkey's `Cluster` that we use. `Cluster` has a separate connection for subscriptions. */
export interface IoredisCluster {
  callBuffer(command: string, args: Word[]): Promise<unknown>
  nodes(role?: 'master'): IoredisClient[]
  subscribe(channel: string): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  on(event: 'message', listener: (channel: string, message: string) => void): unknown
  off(event: 'message', listener: (channel: string, message: string) => void): unknown
  readonly isCluster: boolean
}

/** Makes node-redis return bytes instead of text. */
export interface NodeRedisOptions {
  readonly typeMapping?: { readonly 36: typeof Buffer }
}

/** The part of node-redis' client that we use. */
export interface NodeRedisClient {
  sendCommand(args: readonly Word[], options?: NodeRedisOptions): Promise<unknown>
  duplicate(): NodeRedisSubscriber
}

export interface NodeRedisSubscriber {
  connect(): Promise<unknown>
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>
  on(event: 'error', listener: (error: unknown) => void): unknown
  destroy(): void
}

/** The part of node-redis' cluster that we use. */
export interface NodeRedisCluster {
  sendCommand(
    firstKey: string | undefined,
    isReadonly: boolean | undefined,
    args: Word[],
    options?: NodeRedisOptions,
  ): Promise<unknown>
  readonly masters: readonly unknown[]
  nodeClient(master: never): Promise<Pick<NodeRedisClient, 'sendCommand'>>
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>
  unsubscribe(channel: string, listener: (message: string | Buffer) => void): Promise<unknown>
}

/** The part of node-redis' sentinel client that we use. */
export interface NodeRedisSentinel {
  sendCommand(isReadonly: boolean | undefined, args: Word[], options?: NodeRedisOptions): Promise<unknown>
  acquire(): unknown
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>
  unsubscribe(channel: string, listener: (message: string | Buffer) => void): Promise<unknown>
}

/** Any of them, taken by shape: onlyonce imports none. */
export type RedisClient = IoredisClient | IoredisCluster | NodeRedisClient | NodeRedisCluster | NodeRedisSentinel
