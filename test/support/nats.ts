import { AckPolicy, jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { PATIENCE_MS, type RoundTrip } from './round-trip.ts'

/** A stream in files with one durable consumer. */
export async function openNats(url: string, stream: string): Promise<RoundTrip> {
  const connection = await connect({ servers: url.replace('nats://', '') })
  const manager = await jetstreamManager(connection)
  await manager.streams.add({ name: stream, subjects: [`${stream}.>`], storage: StorageType.File })
  await manager.consumers.add(stream, { durable_name: 'reader', ack_policy: AckPolicy.Explicit })
  const client = jetstream(connection)
  const consumer = await client.consumers.get(stream, 'reader')
  return {
    async publish(text) {
      await client.publish(`${stream}.any`, text)
    },
    async receive() {
      const message = await consumer.next({ expires: PATIENCE_MS })
      if (message === null) return undefined
      await message.ackAck()
      return message.string()
    },
    close: () => connection.close(),
  }
}
