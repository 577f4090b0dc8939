import { expect, it } from 'vitest'
import { onlyonce } from '../core/engine.ts'
import { memoryStore } from '../stores/memory/index.ts'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { faultyStore } from '../testing/faulty-store.ts'
import { prometheus } from './prometheus.ts'

/** One sample on a line: a name, labels that are quoted and escaped, a number. */
const SAMPLE = /^[a-z_]+\{[a-z]+="(?:[^"\\\n]|\\[\\"n])*"(?:,[a-z]+="(?:[^"\\\n]|\\[\\"n])*")*\} [0-9.e+-]+$/

it('counts events, and how long claims and effects took', async () => {
  const runtime = fakeRuntime()
  const once = onlyonce({ store: memoryStore({ runtime }), scope: 'private', runtime })
  const { text, contentType } = prometheus({ payments: once })
  expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8')
  expect(text()).toContain('onlyonce_events_total{engine="payments",type="abandoned"} 0\n')
  const slow = once('secret', () => new Promise((resolve) => void runtime.after(40, resolve as () => void)))
  await runtime.advance(40)
  await slow
  await once('secret', () => expect.fail('ran'))
  await once('other', () => Promise.reject(new Error('no'))).catch(() => {})
  const lines = text().split('\n')
  for (const line of [
    'onlyonce_events_total{engine="payments",type="claimed"} 2',
    'onlyonce_events_total{engine="payments",type="executed"} 1',
    'onlyonce_events_total{engine="payments",type="replayed"} 1',
    'onlyonce_events_total{engine="payments",type="failed"} 1',
    'onlyonce_effect_seconds_bucket{engine="payments",outcome="executed",le="0.025"} 0',
    'onlyonce_effect_seconds_bucket{engine="payments",outcome="executed",le="0.05"} 1',
    'onlyonce_effect_seconds_bucket{engine="payments",outcome="executed",le="+Inf"} 1',
    'onlyonce_effect_seconds_sum{engine="payments",outcome="executed"} 0.04',
    'onlyonce_effect_seconds_count{engine="payments",outcome="failed"} 1',
    'onlyonce_claim_seconds_count{engine="payments"} 2',
  ])
    expect(lines).toContain(line)
  expect(text()).not.toMatch(/secret|private/)
})

it('writes what a scraper can read, whatever the engine is called', async () => {
  const store = faultyStore(memoryStore(), (verb) => (verb === 'claim' ? { kind: 'lose-request' } : undefined))
  const once = onlyonce({ store, scope: 's', storeTimeoutMs: 50 })
  const { text } = prometheus({ 'a "b"\\\n{c}': once, other: onlyonce({ store: memoryStore(), scope: 's' }) })
  await once('a', () => {}).catch(() => {})
  const lines = text().split('\n')
  expect(text()).toContain(',verb="claim",code="STORE_UNAVAILABLE"} 1\n')
  expect(lines.at(-1)).toBe('')
  for (const line of lines.slice(0, -1))
    expect(line).toMatch(line.startsWith('#') ? /^# (HELP|TYPE) onlyonce_/ : SAMPLE)
  const names = lines.filter((line) => line.startsWith('# TYPE')).map((line) => line.split(' ')[2])
  expect(new Set(names).size).toBe(names.length)
})

it('counts no more once it is stopped', async () => {
  const once = onlyonce({ store: memoryStore(), scope: 's' })
  const { text, stop } = prometheus({ payments: once })
  stop()
  await once('a', () => {})
  expect(text()).toContain('type="executed"} 0\n')
})

it.each([undefined, null, {}, [onlyonce({ store: memoryStore(), scope: 's' })], 'payments'])(
  'refuses %s in the place of engines by name',
  (engines) => {
    const refusal = { code: 'OPTION_INVALID', message: expect.stringContaining('an object of engines by name') }
    expect(() => prometheus(engines as never)).toThrow(expect.objectContaining(refusal))
  },
)

it('names what is no engine, and then listens to none', () => {
  const once = onlyonce({ store: memoryStore(), scope: 's' })
  let listeners = 0
  const on: typeof once.on = (listener) => {
    listeners++
    return once.on(listener)
  }
  const engines = { payments: Object.assign(() => {}, once, { on }), mail: memoryStore() }
  expect(() => prometheus(engines as never)).toThrow(
    expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining('`engines.mail`') }),
  )
  expect(listeners).toBe(0)
})
