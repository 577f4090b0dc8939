import { connect } from 'amqplib'
import type { RoundTrip } from './round-trip.ts'
import { PATIENCE_MS } from './round-trip.ts'

/** A durable quorum queue with publisher confirms and acknowledgements. */
export async function openRabbitmq(url: string, queue: string): Promise<RoundTrip> {
  const connection = await connect(url)
  connection.on('error', () => {})
  const channel = await connection.createConfirmChannel()
  channel.on('error', () => {})
  await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } })
  return {
    async publish(text) {
      channel.sendToQueue(queue, Buffer.from(text), { persistent: true })
      await channel.waitForConfirms()
    },
    async receive() {
      for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) {
        const message = await channel.get(queue)
        if (message === false) {
          await new Promise((resolve) => setTimeout(resolve, 50))
          continue
        }
        channel.ack(message)
        return message.content.toString()
      }
      return undefined
    },
    // Closing the channel in order sends the acknowledgement first.
    async close() {
      await channel.close()
      await connection.close()
    },
  }
}
