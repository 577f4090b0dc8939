import { invalidOption } from '../../core/option-rules.ts'
import type { IoredisClient, IoredisCluster, Word } from './client.ts'
import type { RedisPort } from './port.ts'

/** ioredis and iovalkey. */
export function ioredisPort(client: IoredisClient | IoredisCluster): RedisPort {
  refuseAutoPipelining(client)
  const send = (_key: string | undefined, words: Word[]) => call(client, words)
  if (isCluster(client)) {
    return {
      isCluster: true,
      send,
      async nodes() {
        // A lazy client knows no nodes before its first command; without nodes, `list` would find no records.
        if (client.nodes('master').length === 0) await call(client, ['PING'])
        return client.nodes('master').map((node) => ({ name: addressOf(node), send: (words) => call(node, words) }))
      },
      async subscribe(channel, listener, signal) {
        const hear = (from: string, message: string) => void (from === channel && listener(message))
        const leave = () => {
          client.off('message', hear)
          // Fails when the connection is already gone.
          if (left(client, channel) === 0) client.unsubscribe(channel).catch(() => {})
        }
        client.on('message', hear)
        joined(client, channel)
        signal.addEventListener('abort', leave)
        try {
          await client.subscribe(channel)
        } catch (error) {
          signal.removeEventListener('abort', leave)
          leave()
          throw error
        }
      },
    }
  }
  return {
    isCluster: false,
    send,
    nodes: async () => [{ name: 'redis', send: (words) => call(client, words) }],
    // Commands issued in one tick are written to the same connection in this order.
    together: (commands) => Promise.all(commands.map((words) => call(client, words))),
    async subscribe(channel, listener, signal) {
      const own = client.duplicate({ enableOfflineQueue: true, lazyConnect: false })
      // Without a listener, ioredis prints errors. The connection reconnects by itself.
      own.on('error', () => {})
      own.on('message', (from, message) => void (from === channel && listener(message)))
      signal.addEventListener('abort', () => own.disconnect())
      try {
        await own.subscribe(channel)
      } catch (error) {
        own.disconnect()
        throw error
      }
    },
  }
}

/** Number of stores subscribed to each channel of a cluster client, which has one connection for all of them. */
const listeners = new WeakMap<IoredisCluster, Map<string, number>>()

function joined(client: IoredisCluster, channel: string): void {
  const counts = listeners.get(client) ?? new Map<string, number>()
  listeners.set(client, counts.set(channel, (counts.get(channel) ?? 0) + 1))
}

/** Returns how many stores are still subscribed. */
function left(client: IoredisCluster, channel: string): number {
  const count = (listeners.get(client)?.get(channel) ?? 1) - 1
  listeners.get(client)?.set(channel, count)
  return count
}

function call(client: Pick<IoredisClient, 'callBuffer'>, [command, ...args]: Word[]): Promise<unknown> {
  return client.callBuffer(command as string, args)
}

function isCluster(client: IoredisClient | IoredisCluster): client is IoredisCluster {
  return client.isCluster
}

function addressOf(node: IoredisClient): string {
  const { host, port } = node.options as { host?: unknown; port?: unknown }
  return `${host}:${port}`
}

function refuseAutoPipelining(client: object): void {
  const options = Object((client as { options?: object }).options) as Given & { readonly redisOptions?: Given }
  if (!options.enableAutoPipelining && !options.redisOptions?.enableAutoPipelining) return
  const rule = 'must not have enableAutoPipelining: with it `callBuffer` throws where nobody can catch it'
  throw invalidOption('client', rule, true)
}

interface Given {
  readonly enableAutoPipelining?: unknown
}
