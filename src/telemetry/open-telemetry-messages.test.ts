import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { expect, it } from 'vitest'
import { messagesOf, tempFile } from '../../test/queue-kit.ts'
import { setup } from '../../test/relay-kit.ts'
import { later } from '../../test/support/leftovers.ts'
import { until } from '../../test/support/waiting.ts'
import { onlyonce } from '../core/engine.ts'
import { consume, embeddedQueue, Unprocessable } from '../messaging/embedded-queue.ts'
import { memoryStore } from '../stores/memory/index.ts'
import { openTelemetryMessages } from './open-telemetry-messages.ts'

function open() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const provider = new MeterProvider({ readers: [reader] })
  later(() => provider.shutdown())
  /** The values by name and attributes; of durations how many there are. */
  const read = async (): Promise<Record<string, number>> => {
    exporter.reset()
    await provider.forceFlush()
    const metrics = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
    const values = metrics.flatMap(({ descriptor: { name }, dataPoints }) =>
      dataPoints.map(({ attributes, value }): [string, number] => [
        [name, ...Object.entries(attributes).map((pair) => pair.join('='))].join(' '),
        typeof value === 'number' ? value : value.count,
      ]),
    )
    return Object.fromEntries(values)
  }
  return { messages: openTelemetryMessages(provider.getMeter('onlyonce')), read }
}

it('counts what the broker is told about messages, and how long they took', async () => {
  const { messages, read } = open()
  const queue = embeddedQueue({ path: tempFile(), subscriptions: { audit: ['ledger'] }, durability: 'normal' })
  later(() => queue.close())
  const once = onlyonce({ store: memoryStore(), scope: 'private' })
  const count = messages.consumer('ledger')
  let settled = 0
  const consumer = consume({
    ...({ queue, from: 'ledger', once, name: 'ledger', delivers: 'at-least-once' } as const),
    handle: ({ id }) => {
      if (id === 'bad') throw new Unprocessable('private')
    },
    onEvent: (event) => {
      count(event)
      settled++
    },
  })
  await queue.publish(messagesOf(['good', 'bad']))
  await until('both are settled', () => settled >= 2)
  await consumer.stop()
  count({ type: 'broker-failed', verb: 'settle' })
  const values = await read()
  expect(values).toMatchObject({
    'onlyonce.messages onlyonce.consumer=ledger onlyonce.verdict=ack': 1,
    'onlyonce.messages onlyonce.consumer=ledger onlyonce.verdict=dead-letter': 1,
    'onlyonce.messages onlyonce.consumer=ledger onlyonce.verdict=retry': 0,
    'onlyonce.message.duration onlyonce.consumer=ledger': 2,
    'onlyonce.broker.failures onlyonce.consumer=ledger onlyonce.verb=settle': 1,
    'onlyonce.broker.failures onlyonce.consumer=ledger onlyonce.verb=receive': 0,
  })
  expect(JSON.stringify(values)).not.toMatch(/private|good|bad/)
})

it('counts what a relay publishes, what is refused, and who leads', async () => {
  const { messages, read } = open()
  const { make, add, runtime } = setup(({ id }) =>
    id === 'never' ? { ok: false, reason: 'too large', permanent: true } : { ok: true },
  )
  await add('a', 'never', 'b')
  const one = make({ onEvent: messages.relay('orders') })
  const leads = 'onlyonce.relay.leading onlyonce.relay=orders'
  expect(await read()).toMatchObject({ [leads]: 0, 'onlyonce.published onlyonce.relay=orders': 0 })
  one.start()
  await runtime.advance(60_000)
  expect(await read()).toMatchObject({
    [leads]: 1,
    'onlyonce.published onlyonce.relay=orders': 2,
    'onlyonce.publish.refused onlyonce.relay=orders onlyonce.parked=true': 1,
    'onlyonce.publish.refused onlyonce.relay=orders onlyonce.parked=false': 0,
    'onlyonce.publish.failures onlyonce.relay=orders': 0,
    'onlyonce.relay.store.failures onlyonce.relay=orders': 0,
  })
  await one.stop()
  expect(await read()).toMatchObject({ [leads]: 0 })
})

it('wants a meter, and names', () => {
  const refusal = (says: string) =>
    expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(says) })
  for (const wrong of [undefined, {}, 'onlyonce'] as never[])
    expect(() => openTelemetryMessages(wrong)).toThrow(refusal('metrics.getMeter(name)'))
  const { messages } = open()
  for (const wrong of [undefined, '', 5] as never[]) {
    expect(() => messages.consumer(wrong)).toThrow(refusal('`name`'))
    expect(() => messages.relay(wrong)).toThrow(refusal('`name`'))
  }
})
