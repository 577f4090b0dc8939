import { Redis } from 'ioredis'
import { KNOCK_MS } from './room.ts'

/** Checks that a server answers. @throws Error if none does */
export async function knockAtRedis(server: string): Promise<void> {
  const client = await connectRedis(server, { connectTimeout: KNOCK_MS, commandTimeout: KNOCK_MS })
  client.disconnect()
}

/** `redis-streams://…` and `bullmq://…` are read as `redis://…`. @throws Error if no server answers */
export async function connectRedis(
  server: string,
  limits: { connectTimeout?: number; commandTimeout?: number } = {},
): Promise<Redis> {
  const url = server.replace(/^(redis-streams|bullmq):/, 'redis:')
  // BullMQ requires requests without a retry limit.
  const client = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: null, ...limits })
  const problems: Error[] = []
  const note = (error: Error) => void problems.push(error)
  client.on('error', note)
  try {
    await client.connect()
  } catch (error) {
    client.disconnect()
    throw problems[0] ?? error
  }
  return client
}
