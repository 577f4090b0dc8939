import { context } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { insert, setup } from '../../test/atomic-kit.ts'
import { onlyonce } from '../core/engine.ts'
import { memoryStore } from '../stores/memory/index.ts'
import { openTelemetry } from './open-telemetry.ts'

const manager = new AsyncLocalStorageContextManager()
beforeAll(() => void context.setGlobalContextManager(manager.enable()))
afterAll(() => context.disable())

function tracing() {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  return { tracer: provider.getTracer('onlyonce'), spans: () => exporter.getFinishedSpans() }
}

it('counts events and durations by the SDK, without keys', async () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const provider = new MeterProvider({
    readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })],
  })
  const once = onlyonce({ store: memoryStore(), scope: 'private' })
  const end = openTelemetry(once, { engine: 'payments', meter: provider.getMeter('onlyonce') })
  await once('secret', () => 'a')
  await once('secret', () => 'b')
  await once('other', () => Promise.reject(new TypeError('private'))).catch(() => {})
  end()
  await once('unheard', () => 'a')
  await provider.forceFlush()
  const metrics = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
  const of = (name: string) => metrics.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? []
  const counts = of('onlyonce.events').map(({ attributes, value }) => [attributes['onlyonce.event'], value])
  expect(Object.fromEntries(counts)).toEqual({ claimed: 2, executed: 1, replayed: 1, failed: 1 })
  expect(of('onlyonce.events').every(({ attributes }) => attributes['onlyonce.engine'] === 'payments')).toBe(true)
  expect(of('onlyonce.effect.duration').map(({ attributes }) => attributes['error.type'])).toEqual([
    undefined,
    'TypeError',
  ])
  expect(of('onlyonce.claim.duration')[0]?.value).toMatchObject({ count: 2 })
  expect(JSON.stringify(metrics)).not.toMatch(/secret|private/)
  await provider.shutdown()
})

it('makes a span of each effect, child of the span that was active in the call', async () => {
  const { tracer, spans } = tracing()
  const once = onlyonce({ store: memoryStore(), scope: 'private' })
  openTelemetry(once, { engine: 'payments', tracer })
  const calls = ['a', 'b', 'c'].map((key) =>
    tracer.startActiveSpan(`request ${key}`, async (request) => {
      await once(key, () => new Promise((resolve) => setTimeout(resolve, 20)))
      await once(key, () => expect.fail('ran'))
      request.end()
      return request.spanContext().spanId
    }),
  )
  const requests = await Promise.all(calls)
  const effects = spans().filter(({ name }) => name === 'onlyonce.effect')
  expect(effects.map(({ parentSpanContext }) => parentSpanContext?.spanId).toSorted()).toEqual(requests.toSorted())
  expect(effects[0]?.attributes).toEqual({
    'onlyonce.engine': 'payments',
    'onlyonce.event': 'executed',
    'onlyonce.attempt': 1,
  })
  const [seconds, nanos] = effects[0]?.duration ?? [0, 0]
  expect(seconds * 1_000 + nanos / 1e6).toBeGreaterThan(15)
})

it('makes one of an effect in a transaction too, and marks one that failed', async () => {
  const { tracer, spans } = tracing()
  const { once } = await setup()
  openTelemetry(once, { engine: 'payments', tracer })
  const parent = await tracer.startActiveSpan('request', async (request) => {
    await once.atomic('a', insert('a'))
    await once.atomic('b', () => Promise.reject(new RangeError('private'))).catch(() => {})
    request.end()
    return request.spanContext().spanId
  })
  const effects = spans().filter(({ name }) => name === 'onlyonce.effect')
  expect(
    effects.map(({ parentSpanContext, status, attributes }) => [
      parentSpanContext?.spanId,
      status.code,
      attributes['error.type'],
    ]),
  ).toEqual([
    [parent, 0, undefined],
    [parent, 2, 'RangeError'],
  ])
  expect(JSON.stringify(effects.map(({ attributes, status, events }) => [attributes, status, events]))).not.toContain(
    'private',
  )
})

it.each([
  [{}, 'engine'],
  [{ engine: 'a' }, 'meter'],
  [{ engine: 'a', meter: {} }, 'meter'],
  [{ engine: 'a', tracer: 5 }, 'tracer'],
  [{ engine: 'a', metre: {} }, 'metre'],
])('refuses %j', (options, name) => {
  const once = onlyonce({ store: memoryStore(), scope: 's' })
  expect(() => openTelemetry(once, options as never)).toThrow(
    expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(`\`${name}\``) }),
  )
})
