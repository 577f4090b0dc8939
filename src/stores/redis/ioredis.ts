import { invalidOption } from '../../core/options.ts'
import type { IoredisClient, IoredisCluster, Word } from './client.ts'
import type { RedisPort } from './port.ts'

/** ioredis and iovalkey. */
export function ioredisPort(client: IoredisClient | IoredisCluster): RedisPort {
  refusePrefix(client)
  const send = (_key: string | undefined, words: Word[]) => call(client, words)
  if (isCluster(client)) {
    return {
      isCluster: true,
      send,
      async nodes() {
        // A lazy client knows none before its first command, and a list of no nodes would be a list of no records.
        if (client.nodes('master').length === 0) await call(client, ['PING'])
        return client.nodes('master').map((node) => ({ name: addressOf(node), send: (words) => call(node, words) }))
      },
      async subscribe(channel, listener, signal) {
        const hear = (from: string, message: string) => void (from === channel && listener(message))
        const deaf = () => void client.off('message', hear)
        client.on('message', hear)
        signal.addEventListener('abort', () => {
          deaf()
          // A connection that is gone cannot be told that we leave it.
          client.unsubscribe(channel).catch(() => {})
        })
        try {
          await client.subscribe(channel)
        } catch (error) {
          deaf()
          throw error
        }
      },
    }
  }
  return {
    isCluster: false,
    send,
    nodes: async () => [{ name: 'redis', send: (words) => call(client, words) }],
    // Commands of one tick are written to one connection in this order.
    together: (commands) => Promise.all(commands.map((words) => call(client, words))),
    async subscribe(channel, listener, signal) {
      const own = client.duplicate({ enableOfflineQueue: true, lazyConnect: false })
      // Nobody else listens to it: an error that nobody hears would be printed. It reconnects by itself.
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

/** It would be put before the keys of a script and not before the pattern of a scan. */
function refusePrefix(client: object): void {
  const options = (client as { options?: { keyPrefix?: unknown; redisOptions?: { keyPrefix?: unknown } } }).options
  const prefix = options?.keyPrefix || options?.redisOptions?.keyPrefix
  if (prefix !== undefined && prefix !== '') {
    throw invalidOption('client', 'must not have a keyPrefix: give the prefix to redisStore instead', prefix)
  }
}
