import { expect, it } from 'vitest'
import { onlyonce } from '../../core/engine.ts'
import { readResult, storedValue } from '../../core/result.ts'
import type { Store } from '../../core/store.ts'
import { completer } from '../../guards/completer.ts'
import { fakeRuntime } from '../../testing/fake-runtime.ts'
import { memoryStore } from '../memory/index.ts'
import { type SealKey, sealedStore } from './index.ts'

const keyOf = (id: string, byte: number): SealKey => ({ id, secret: new Uint8Array(32).fill(byte) })
const [before, now] = [keyOf('before', 1), keyOf('now', 2)]

/** A store with records that were sealed by a key that is gone, and others by the one that is there. */
function world() {
  const runtime = fakeRuntime()
  const base = memoryStore({ runtime })
  const open = (key: SealKey) => {
    const store = sealedStore(base, { keys: [key] })
    return { store, once: onlyonce({ store, scope: 'orders', runtime, leaseMs: 3_000 }) }
  }
  const die = async ({ once }: ReturnType<typeof open>, key: string) => {
    const effect = async (op: { step(name: string, run: () => unknown): Promise<unknown> }) => {
      await op.step('charge', () => `charged ${key}`)
      await new Promise(() => {})
    }
    void once(key, effect, { maxRunMs: 3_000 }).catch(() => {})
    await runtime.advance(1)
  }
  return { runtime, base, die, old: open(before), current: open(now) }
}

it('lists what cannot be opened beside what can, without a byte of what is sealed', async () => {
  const { base, old, current, die } = world()
  await old.once('old done', () => 'paid')
  await expect(old.once('old failed', () => Promise.reject(new Error('no')), { onThrow: 'remember' })).rejects.toThrow()
  await die(old, 'old running')
  await current.once('new done', () => 'paid')
  await die(current, 'new running')
  const { items } = await current.store.list({ limit: 10 })
  const byKey = Object.fromEntries(items.map((record) => [record.key, record]))
  expect(Object.keys(byKey)).toHaveLength(5)
  const { result } = byKey['new done'] ?? {}
  expect(result && readResult('', result)).toEqual({ value: 'paid' })
  expect(Buffer.from(byKey['new running']?.steps[0]?.result ?? []).toString()).toContain('charged new running')
  for (const key of ['old done', 'old failed']) {
    const unopened = byKey[key]?.result
    expect(unopened).toEqual({ kind: 'unknown', body: new Uint8Array() })
    expect(unopened && readResult('', unopened)).toBeUndefined()
  }
  expect(byKey['old running']).toMatchObject({ state: 'running', steps: [] })
  const sealed = (await base.list({ limit: 10 })).items
  expect(sealed.filter(({ steps }) => steps.length === 1)).toHaveLength(2)
})

it('throws what is wrong with the store itself', async () => {
  const { base } = world()
  const down: Store = { ...base, list: () => Promise.reject(new Error('down')) }
  const store = sealedStore(down, { keys: [now] })
  await expect(store.list({ limit: 1 })).rejects.toThrow('down')
})

it('one operation that cannot be opened does not keep the completer from the others', async () => {
  const { runtime, old, current, die } = world()
  await die(old, 'a')
  for (const key of ['b', 'c', 'd']) await die(current, key)
  await runtime.advance(100_000)
  const carriedOn: string[] = []
  const failed: unknown[] = []
  const { round } = completer({
    once: current.once,
    handlers: { orders: (op) => carriedOn.push(op.key) },
    onEvent: (event) => event.type === 'failed' && failed.push([event.key, (event.error as { code?: string }).code]),
  })
  expect(await round()).toMatchObject({ seen: 4, completed: 3, failed: 1 })
  expect(carriedOn.sort()).toEqual(['b', 'c', 'd'])
  expect(failed).toEqual([['a', 'OUTCOME_UNKNOWN']])
  await runtime.advance(100_000)
  expect(await round()).toMatchObject({ seen: 1, completed: 0 })
  await runtime.advance(100_000)
  await expect(current.once('a', () => expect.fail('it ran again'))).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
})

it.each([
  [undefined, 'fulfilled'],
  ['paid', 'OUTCOME_UNKNOWN'],
])('what was resolved with %j by one who has no key is %s', async (value, expected) => {
  const { runtime, base, current, die } = world()
  await die(current, 'a')
  await runtime.advance(100_000)
  const [record] = (await base.list({ limit: 1 })).items
  if (record === undefined) throw new Error('nothing was claimed')
  const { id, owner, fence } = record
  await base.complete([{ lease: { id, owner, fence }, result: storedValue(value), retentionMs: 60_000 }])
  const told = await current.once.attempt('a', () => expect.fail('it ran again')).catch((error) => error.code)
  expect(told).toEqual(expected === 'fulfilled' ? { kind: 'replayed', value: undefined } : expected)
})
