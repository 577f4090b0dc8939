import { expect, it } from 'vitest'
import { messagesOf, tempFile } from '../../test/queue-kit.ts'
import { setup } from '../../test/relay-kit.ts'
import { later } from '../../test/support/leftovers.ts'
import { until } from '../../test/support/waiting.ts'
import { onlyonce } from '../core/engine.ts'
import { consume, embeddedQueue, Unprocessable } from '../messaging/embedded-queue.ts'
import { memoryStore } from '../stores/memory/index.ts'
import { prometheus } from './prometheus.ts'

function open() {
  const once = onlyonce({ store: memoryStore(), scope: 'private' })
  const metrics = prometheus({ shop: once })
  /** The samples of a metric by their labels, without those of histograms' buckets. */
  const of = (name: string) =>
    Object.fromEntries(
      metrics
        .text()
        .split('\n')
        .filter((line) => line.startsWith(`onlyonce_${name}{`))
        .map((line) => line.slice(`onlyonce_${name}{`.length).split('} ')),
    )
  return { once, metrics, of }
}

it('counts what the broker is told about messages, and how long they took', async () => {
  const { once, metrics, of } = open()
  const queue = embeddedQueue({ path: tempFile(), subscriptions: { audit: ['ledger'] }, durability: 'normal' })
  later(() => queue.close())
  let tries = 0
  const handle = ({ id }: { readonly id: string }) => {
    if (id === 'bad') throw new Unprocessable('private')
    if (id === 'flaky' && ++tries === 1) throw new Error('private')
  }
  const rules = { queue, from: 'ledger', once, name: 'ledger', delivers: 'at-least-once', backoffMs: 1 } as const
  expect(metrics.text()).not.toContain('onlyonce_messages_total')
  const consumer = consume({ ...rules, handle, onEvent: metrics.consumer('a "ledger"') })
  await queue.publish(messagesOf(['good', 'flaky', 'bad']))
  const label = String.raw`consumer="a \"ledger\""`
  await until('all are settled', () => Number(of('message_seconds_count')[label]) >= 4)
  await consumer.stop()
  expect(of('messages_total')).toEqual({
    [`${label},verdict="ack"`]: '2',
    [`${label},verdict="retry"`]: '1',
    [`${label},verdict="dead-letter"`]: '1',
    [`${label},verdict="none"`]: '0',
  })
  expect(metrics.text()).not.toMatch(/private|good|flaky/)
})

it('counts requests that a broker failed', () => {
  const { metrics, of } = open()
  const heard = metrics.consumer('ledger')
  heard({ type: 'broker-failed', verb: 'receive' })
  heard({ type: 'broker-failed', verb: 'receive' })
  heard({ type: 'broker-failed', verb: 'settle' })
  expect(of('broker_failures_total')).toEqual({
    'consumer="ledger",verb="receive"': '2',
    'consumer="ledger",verb="settle"': '1',
    'consumer="ledger",verb="extend"': '0',
  })
})

it('counts what a relay publishes, what is refused, and who leads', async () => {
  const { metrics, of } = open()
  let calls = 0
  const { make, add, runtime } = setup(({ id }) => {
    if (++calls === 1) throw new Error('down')
    if (id === 'never') return { ok: false, reason: 'too large', permanent: true }
    return id === 'later' && calls < 6 ? { ok: false, reason: 'busy' } : { ok: true }
  })
  await add('a', 'never', 'later')
  const one = make({ onEvent: metrics.relay('orders') })
  expect(of('relay_leading')).toEqual({ 'relay="orders"': '0' })
  expect(of('published_total')).toEqual({ 'relay="orders"': '0' })
  one.start()
  await runtime.advance(1)
  expect(of('relay_leading')).toEqual({ 'relay="orders"': '1' })
  await runtime.advance(60_000)
  expect(of('publish_failures_total')).toEqual({ 'relay="orders"': '1' })
  expect(of('published_total')).toEqual({ 'relay="orders"': '2' })
  expect(of('publish_refused_total')['relay="orders",parked="true"']).toBe('1')
  expect(Number(of('publish_refused_total')['relay="orders",parked="false"'])).toBeGreaterThan(0)
  expect(Number(of('publish_seconds_count')['relay="orders"'])).toBeGreaterThan(0)
  expect(of('relay_store_failures_total')).toEqual({ 'relay="orders"': '0' })
  await one.stop()
  expect(of('relay_leading')).toEqual({ 'relay="orders"': '0' })
})

it('counts no more once it is stopped, and wants names', () => {
  const { metrics, of } = open()
  const heard = metrics.relay('orders')
  metrics.stop()
  heard({ type: 'published', count: 3, tookMs: 5 })
  expect(of('published_total')).toEqual({ 'relay="orders"': '0' })
  for (const wrong of [undefined, '', 5] as never[]) {
    const refusal = expect.objectContaining({ code: 'OPTION_INVALID' })
    expect(() => metrics.consumer(wrong)).toThrow(refusal)
    expect(() => metrics.relay(wrong)).toThrow(refusal)
  }
})
