import type { NodeRedisClient, NodeRedisCluster, NodeRedisSentinel, Word } from './client.ts'
import type { RedisPort } from './port.ts'

/** 36 is `$`, the RESP type of bulk strings. */
const AS_BYTES = { typeMapping: { 36: Buffer } } as const

export function nodeRedisPort(client: NodeRedisClient): RedisPort {
  const send = (words: readonly Word[]) => client.sendCommand(words, AS_BYTES)
  return {
    isCluster: false,
    send: (_key, words) => send(words),
    nodes: async () => [{ name: 'redis', send }],
    together: (commands) => Promise.all(commands.map(send)),
    async subscribe(channel, listener, signal) {
      const own = client.duplicate()
      // Without a listener, an error of this connection would end the process. It reconnects by itself.
      own.on('error', () => {})
      const close = () => {
        try {
          own.destroy()
        } catch {
          // Some versions throw when the connection is already gone; thrown in an event listener, it would be uncaught.
        }
      }
      signal.addEventListener('abort', close)
      try {
        await own.connect()
        // Before it began to connect, there was nothing to close.
        signal.throwIfAborted()
        await own.subscribe(channel, listener)
      } catch (error) {
        close()
        throw error
      }
    },
  }
}

export function nodeRedisClusterPort(client: NodeRedisCluster): RedisPort {
  return {
    isCluster: true,
    send: (key, words) => client.sendCommand(key, false, words, AS_BYTES),
    async nodes() {
      // Without nodes, `list` would find no records.
      if (client.masters.length === 0) throw new Error('the client knows no nodes: call its connect() first')
      return Promise.all(
        client.masters.map(async (master) => {
          const node = await client.nodeClient(master as never)
          const { address } = master as { address?: unknown }
          return { name: String(address), send: (words: Word[]) => node.sendCommand(words, AS_BYTES) }
        }),
      )
    },
    subscribe: (channel, listener, signal) => subscribed(client, channel, listener, signal),
  }
}

export function nodeRedisSentinelPort(client: NodeRedisSentinel): RedisPort {
  const send = (words: Word[]) => client.sendCommand(false, words, AS_BYTES)
  return {
    isCluster: false,
    send: (_key, words) => send(words),
    nodes: async () => [{ name: 'redis', send }],
    subscribe: (channel, listener, signal) => subscribed(client, channel, listener, signal),
  }
}

/** Cluster and sentinel clients keep a separate connection for subscriptions. */
async function subscribed(
  client: Pick<NodeRedisSentinel, 'subscribe' | 'unsubscribe'>,
  channel: string,
  listener: (message: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const hear = (message: string | Buffer) => listener(String(message))
  const leave = () => {
    // Fails when the connection is already gone.
    client.unsubscribe(channel, hear).catch(() => {})
  }
  signal.addEventListener('abort', leave)
  await client.subscribe(channel, hear)
  // Before it was made, there was nothing to leave.
  if (signal.aborted) leave()
}
