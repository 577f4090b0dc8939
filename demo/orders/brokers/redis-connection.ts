import { Redis } from 'ioredis'

/** `redis-streams://…` and `bullmq://…` are Redis by another name. @throws Error when nobody answers */
export async function connectRedis(server: string): Promise<Redis> {
  const url = server.replace(/^(redis-streams|bullmq):/, 'redis:')
  // BullMQ asks for requests that wait as long as it takes.
  const client = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: null })
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
