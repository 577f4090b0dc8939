import type { Producer } from 'rocketmq-client-nodejs'
import { expect, it } from 'vitest'
import { type ConsumerEvent, consume } from '../../src/messaging/rocketmq.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { record } from './ledger-store.ts'
import { atLast, openDesk } from './rocketmq-helpers.ts'

/** `Encoding.GZIP` of the protocol. */
const GZIP = 2

interface Sending {
  sendMessage(to: unknown, request: Request, timeoutMs: number): Promise<unknown>
}
interface Request {
  getMessagesList(): readonly { getSystemProperties(): { setBodyEncoding(encoding: number): void } }[]
}

/** Sends a body that says it is compressed and is not, as another client could: this one never compresses. */
async function sendUndecodable(producer: Producer, topic: string, id: string): Promise<void> {
  const { rpcClientManager } = producer as unknown as { rpcClientManager: Sending }
  const { sendMessage } = rpcClientManager
  rpcClientManager.sendMessage = (to, request, timeoutMs) => {
    for (const message of request.getMessagesList()) message.getSystemProperties().setBodyEncoding(GZIP)
    return sendMessage.call(rpcClientManager, to, request, timeoutMs)
  }
  await producer.send({ topic, body: Buffer.from(`body of ${id}`), keys: [id] })
  rpcClientManager.sendMessage = sendMessage
}

describeWith('rocketmq', (url) => {
  it('a body that the client cannot decompress does not keep back other messages', { timeout: 90_000 }, async () => {
    const { once, topic, producer, consumer, publish, effects } = await openDesk(url)
    await publish(['a', 'b'])
    await sendUndecodable(producer, topic, 'broken')
    await publish(['c', 'd'])
    const failures: string[] = []
    const handle = ({ id }: { id: string }, tx: SqliteTx) => void record(id, tx)
    const onEvent = (event: ConsumerEvent) =>
      void (event.type === 'broker-failed' && failures.push(`${event.verb} ${(event.error as Error).message}`))
    // As short as RocketMQ allows: what was received with it comes again after that.
    const quickly = { leaseMs: 10_000, backoffMs: 20, maxBackoffMs: 100 }
    const options = { ...quickly, name: 'ledger', delivers: 'exactly-once-effect', once, producer, consumer } as const
    atLast(consume({ ...options, handle, onEvent }), (one) => one.stop())
    await until('the others are handled', async () => (await effects()).length === 4, 60_000)
    expect(await effects()).toEqual(['a', 'b', 'c', 'd'])
    expect(failures[0]).toBe(
      'receive RocketMQ: the client cannot decompress the body of a message that it received (incorrect header check): ' +
        'it stays with the broker, and the others are received one by one meanwhile',
    )
  })
})
