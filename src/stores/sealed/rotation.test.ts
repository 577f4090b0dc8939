import { expect, it } from 'vitest'
import { onlyonce } from '../../core/engine.ts'
import { operationId } from '../../core/key.ts'
import type { Operation } from '../../core/once.ts'
import type { Store } from '../../core/store.ts'
import { completer } from '../../guards/completer.ts'
import { fakeRuntime } from '../../testing/fake-runtime.ts'
import { memoryStore } from '../memory/index.ts'
import { type SealKey, sealedStore } from './index.ts'

const keyOf = (id: string, byte: number): SealKey => ({ id, secret: new Uint8Array(32).fill(byte) })
const [before, after] = [keyOf('before', 1), keyOf('after', 2)]

const reserve = async (op: Operation) => {
  await op.step('reserve', () => 'reserved')
  return 'paid'
}
const decline = async (op: Operation) => {
  await reserve(op)
  throw new Error('declined')
}

/** Processes with the new key in front beside one that does not have it yet. */
function deployment(change: (base: Store) => Partial<Store> = () => ({})) {
  const runtime = fakeRuntime()
  const base = memoryStore({ runtime })
  const shared: Store = { ...base, ...change(base) }
  const open = (keys: readonly SealKey[]) =>
    onlyonce({ store: sealedStore(shared, { keys }), scope: 'orders', runtime, leaseMs: 3_000 })
  const record = async (key: string) => (await base.find([operationId('orders', key)]))[0]
  return { runtime, base, record, old: open([before]), current: open([after, before]) }
}

const unopened = { code: 'OUTCOME_UNKNOWN', message: expect.stringContaining('a key that is not here') }

it('a claim whose steps cannot be opened is given back at once, and never counts as abandoned', async () => {
  const { runtime, record, old, current } = deployment()
  await expect(current('order:1', decline)).rejects.toThrow('declined')
  for (const starts of [2, 3, 4]) {
    await expect(old('order:1', () => expect.fail('it ran'))).rejects.toMatchObject(unopened)
    expect(await record('order:1')).toMatchObject({ state: 'idle', attempt: 0, starts, steps: [{ name: 'reserve' }] })
    await runtime.advance(100_000)
  }
  const run = (op: Operation) => op.step('reserve', () => expect.fail('reserved twice'))
  expect(await current('order:1', run, { onAbandoned: 'hold' })).toBe('reserved')
})

it('of several claims it alone is given back, and the others are answered, each claimed once', async () => {
  const { record, old, current } = deployment()
  await expect(current('order:3', decline)).rejects.toThrow('declined')
  const keys = [1, 2, 3, 4, 5].map((nth) => `order:${nth}`)
  const outcomes = await Promise.allSettled(keys.map((key) => old(key, () => key)))
  expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual([true, true, false, true, true])
  expect(outcomes[2]).toMatchObject({ reason: unopened })
  expect(await record('order:3')).toMatchObject({ state: 'idle', attempt: 0, starts: 2 })
  for (const key of keys) if (key !== 'order:3') expect(await record(key)).toMatchObject({ state: 'done', starts: 1 })
})

it('an operation that was abandoned before stays so, for the completer of a process that has the key', async () => {
  const { runtime, record, old, current } = deployment()
  void current('order:1', async (op) => reserve(op).then(() => new Promise(() => {})), { maxRunMs: 3_000 }).catch(
    () => {},
  )
  await runtime.advance(100_000)
  await expect(old('order:1', () => expect.fail('it ran'))).rejects.toMatchObject(unopened)
  expect(await record('order:1')).toMatchObject({ state: 'running', attempt: 2 })
  await runtime.advance(100_000)
  const { round } = completer({ once: current, handlers: { orders: reserve } })
  expect(await round()).toMatchObject({ completed: 1 })
})

it('a claim that cannot be given back either tells its caller the same', async () => {
  let isDown = false
  const { record, old, current } = deployment((base) => ({
    release: (leases) => (isDown ? Promise.reject(new Error('down')) : base.release(leases)),
  }))
  await expect(current('order:1', decline)).rejects.toThrow('declined')
  isDown = true
  await expect(old('order:1', () => expect.fail('it ran'))).rejects.toMatchObject(unopened)
  expect(await record('order:1')).toMatchObject({ state: 'running' })
})

it('a new key that every process opens with before one seals with it is no trouble to any', async () => {
  const { base, runtime } = deployment()
  const open = (keys: readonly SealKey[]) => onlyonce({ store: sealedStore(base, { keys }), scope: 'orders', runtime })
  const deployed = [[before], [before, after], [after, before], [after]].map(open)
  for (const [nth, mine] of deployed.entries()) {
    const next = deployed[nth + 1]
    const key = `order:${nth}`
    await expect(mine(`failed ${key}`, decline)).rejects.toThrow('declined')
    expect(await mine(key, () => nth)).toBe(nth)
    for (const other of next === undefined ? [mine] : [mine, next]) {
      expect(await other(key, () => expect.fail('it ran again'))).toBe(nth)
      expect(await other(`failed ${key}`, reserve)).toBe('paid')
    }
  }
})
