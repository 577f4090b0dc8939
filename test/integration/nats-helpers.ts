import { randomUUID } from 'node:crypto'
import { type ConsumerInfo, jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream'
import { connect, headers, type NatsConnection } from '@nats-io/transport-node'
import { type ConsumerEvent, consume, ORDERING_KEY_HEADER } from '../../src/messaging/nats.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { tidily } from '../support/leftovers.ts'
import { openLedger } from './ledger.ts'

export async function open(url: string): Promise<NatsConnection> {
  const servers = url.replace('nats://', '')
  const connection = await connect({ servers, maxReconnectAttempts: -1, reconnectTimeWait: 200 })
  return tidily(connection, (one) => one.close().catch(() => {}))
}

/** What every consumer here is given of the client. */
export const clientOf = (connection: NatsConnection) => ({ connection, jetstream: jetstream(connection), headers })

/** A stream of its own, a publisher, and a ledger of effects in the store of the consumers. */
export async function openDesk(url: string) {
  const stream = `T${randomUUID().slice(0, 8)}`
  const subject = `${stream}.orders`
  const connection = await open(url)
  const manager = await jetstreamManager(connection)
  const client = jetstream(connection)
  await manager.streams.add({ name: stream, subjects: [`${stream}.>`], storage: StorageType.File })
  const ledger = await openLedger()

  /** Without the server's own deduplication, as a copy that comes after its window does. */
  async function publish(ids: readonly string[], orderingKey?: string): Promise<void> {
    for (const id of ids) {
      const own = headers()
      own.set('onlyonce-id', id)
      if (orderingKey !== undefined) own.set(ORDERING_KEY_HEADER, orderingKey)
      await client.publish(subject, `body of ${id}`, { headers: own })
    }
  }
  const info = (): Promise<ConsumerInfo> => manager.consumers.info(stream, 'ledger')
  const isDone = async () => {
    const { num_ack_pending, num_pending } = await info()
    return num_ack_pending + num_pending === 0
  }
  /** What was put aside, the first first. */
  async function dead() {
    const name = `${stream}-dead`
    const { state } = await manager.streams.info(name)
    const all = []
    for (let seq = state.first_seq; state.messages > 0 && seq <= state.last_seq; seq++) {
      const stored = await manager.streams.getMessage(name, { seq })
      if (stored !== null) {
        const get = (header: string) => stored.header?.get(header)
        all.push({ id: get('onlyonce-id'), reason: get('onlyonce-reason'), data: stored.data, header: stored.header })
      }
    }
    return all
  }
  return { stream, subject, connection, manager, client, publish, info, isDone, dead, ...ledger }
}

const rules = { name: 'ledger', delivers: 'exactly-once-effect', backoffMs: 20, maxBackoffMs: 100 } as const

type Desk = Awaited<ReturnType<typeof openDesk>>
export type Handle = (message: { id: string; redelivered: boolean }, tx: SqliteTx) => unknown

/** A consumer of the desk's stream, and what it said. */
export function start({ once, connection, stream }: Desk, handle: Handle, more: object = {}) {
  const settled: string[] = []
  const failures: string[] = []
  const redelivered: string[] = []
  const maybe: string[] = []
  const onEvent = (event: ConsumerEvent) => {
    if (event.type === 'broker-failed') return void failures.push(`${event.verb} ${event.error}`)
    settled.push(`${event.delivery.id} ${event.verdict.kind}`)
    if (event.delivery.redelivered === true) redelivered.push(event.delivery.id)
    if (event.delivery.redelivered === 'maybe') maybe.push(event.delivery.id)
  }
  const options = { ...rules, ...clientOf(connection), once, stream, onEvent, handle, ...more }
  const consumer = tidily(consume(options), (one) => one.stop())
  return { consumer, settled, failures, redelivered, maybe }
}
