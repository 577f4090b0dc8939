import { expect, it } from 'vitest'
import { OnlyonceError } from '../../src/core/errors.ts'
import { operationId } from '../../src/core/key.ts'
import type { ListQuery, Store } from '../../src/core/store.ts'
import { loadDriver } from '../../src/embedded/driver.ts'
import { type CompleterEvent, completer } from '../../src/guards/completer.ts'
import { onlyonce } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'
import { fakeRuntime } from '../../src/testing/fake-runtime.ts'
import { request } from '../support/claims.ts'

const runtime = fakeRuntime()

async function abandon(store: Store, scope: string, keys: readonly string[]): Promise<void> {
  const times = { fingerprint: '', leaseMs: 1_000, retentionMs: 1e9 }
  await store.claim(keys.map((key) => request(key, { id: operationId(scope, key), scope, ...times })))
}

const numbers = (count: number) => Array.from({ length: count }, (_, nth) => String(nth))

/** Scopes of so many operations that are left alone for ever, and what is asked of their store. */
async function leftAlone(counts: Readonly<Record<string, number>>, broken?: (query: ListQuery) => void) {
  const base = memoryStore({ runtime })
  const asked: string[] = []
  const list = (query: ListQuery) => {
    asked.push(String(query.scope))
    broken?.(query)
    return base.list(query)
  }
  const store: Store = { ...base, list: async (query) => list(query) }
  for (const [scope, count] of Object.entries(counts)) await abandon(base, scope, numbers(count))
  await runtime.advance(2_000)
  const events: CompleterEvent[] = []
  const { round, stop } = completer({
    once: onlyonce({ store, scope: 'a', runtime }),
    handlers: Object.fromEntries(Object.keys(counts).map((scope) => [scope, () => {}])),
    maxPerRound: 10,
    maxStarts: 1,
    onGivenUp: 'leave',
    onEvent: (event) => events.push(event),
  })
  return { round, stop, asked, events, seen: (type: string) => events.filter((event) => event.type === type) }
}

it('of many pages, a scope that is through waits until the others are', async () => {
  const { round, asked, seen } = await leftAlone({ a: 61, b: 71, c: 79 })
  const rounds = []
  do rounds.push(await round())
  while (rounds.at(-1)?.more && rounds.length < 99)
  expect(rounds).toHaveLength(8)
  expect(rounds.reduce((sum, one) => sum + one.seen, 0)).toBe(61 + 71 + 79)
  expect(asked.filter((scope) => scope === 'a')).toHaveLength(7)
  expect(seen('given-up')).toHaveLength(61 + 71 + 79)
  expect(await round()).toMatchObject({ seen: 30, more: true })
})

it('a scope that cannot be listed is told, and keeps nobody from the others, nor from their pauses', async () => {
  const error = new OnlyonceError('OUTCOME_UNKNOWN', 'a record cannot be read')
  const { round, events } = await leftAlone({ a: 25, b: 15 }, ({ scope, after }) => {
    if (scope === 'a' && after !== undefined) throw error
  })
  expect(await round()).toMatchObject({ seen: 20, more: true })
  events.length = 0
  expect(await round()).toMatchObject({ seen: 5, more: false })
  expect(events.filter(({ type }) => type !== 'given-up')).toEqual([{ type: 'store-failed', scope: 'a', error }])
  expect(await round()).toMatchObject({ seen: 20, more: true })
})

it('a store that is down ends the round, and each scope is looked at once it is back', async () => {
  let down = true
  const { round, asked } = await leftAlone({ a: 25, b: 5, c: 5 }, ({ scope }) => {
    if (down && scope === 'b') throw new OnlyonceError('STORE_UNAVAILABLE', 'it is down')
  })
  await expect(round()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  down = false
  expect(await round()).toMatchObject({ seen: 20, more: true })
  expect(asked).toEqual(['a', 'b', 'a', 'b', 'c'])
})

it('one record that cannot be read is told once, not claimed, and keeps nobody from the others', async () => {
  const database = (await loadDriver())(':memory:')
  const store = sqliteStore({ database, runtime })
  await abandon(store, 'a', ['1', '2', '3'])
  await abandon(store, 'b', ['1', '2', '3'])
  await runtime.advance(2_000)
  const damage = (change: string) => database.exec(`UPDATE onlyonce_operations SET ${change} WHERE scope = 'a'`)
  damage("format = iif(key = '2', 2, format), key = iif(key = '3', '\"cut', key)")
  const ran: string[] = []
  const events: CompleterEvent[] = []
  let claims = 0
  const claim: Store['claim'] = (requests) => {
    claims += requests.length
    return store.claim(requests)
  }
  const counting: Store = { ...store, claim }
  const { round } = completer({
    once: onlyonce({ store: counting, scope: 'a', runtime }),
    handlers: { a: (op) => void ran.push(`a${op.key}`), b: (op) => void ran.push(`b${op.key}`) },
    onEvent: (event) => void (event.type !== 'completed' && events.push(event)),
  })
  expect(await round()).toMatchObject({ seen: 6, completed: 4, failed: 2, more: false })
  expect(ran.toSorted()).toEqual(['a1', 'b1', 'b2', 'b3'])
  expect(claims).toBe(4)
  const error = expect.objectContaining({ code: 'OUTCOME_UNKNOWN', message: expect.stringContaining('cannot be read') })
  expect(events).toHaveLength(2)
  expect(events).toContainEqual({ type: 'failed', scope: 'a', key: '2', error, starts: 0, final: false })
  expect(events).toContainEqual({ type: 'store-failed', scope: 'a', error })
  await runtime.advance(100_000)
  expect(await round()).toMatchObject({ seen: 2, failed: 0 })
  expect(events).toHaveLength(2)
  database.exec('UPDATE onlyonce_operations SET format = 1')
  expect(await round()).toMatchObject({ completed: 1 })
})

it('that was stopped has no more to do, so that a loop over rounds ends', async () => {
  const { round, stop } = await leftAlone({ a: 25 })
  expect(await round()).toMatchObject({ seen: 10, more: true })
  await stop()
  expect(await round()).toEqual({ seen: 0, completed: 0, failed: 0, givenUp: 0, more: false })
})

/** As Redis: a page is a walk over all keys, and takes its time. */
async function walking(tookMs: number) {
  const base = memoryStore({ runtime })
  let isDown = false
  const late = <T>(ms: number, answer: () => Promise<T>) =>
    new Promise<T>((resolve) => runtime.after(ms, () => resolve(answer())))
  const store: Store = {
    ...base,
    traits: { ...base.traits, selfExpiring: true },
    find: (ids) => (isDown ? new Promise(() => {}) : base.find(ids)),
    list: (query) => (isDown ? new Promise(() => {}) : late(tookMs, () => base.list(query))),
  }
  await abandon(base, 'a', ['k'])
  await runtime.advance(2_000)
  const once = onlyonce({ store, scope: 'a', runtime })
  const goDown = () => {
    isDown = true
  }
  return { ...completer({ once, handlers: { a: () => 'done' } }), goDown }
}

it('a walk over all keys may take longer than other calls of the store', async () => {
  const { round } = await walking(60_000)
  const report = round()
  await runtime.advance(60_000)
  expect(await report).toMatchObject({ seen: 1, completed: 1 })
})

it('nobody who stops waits for a walk', async () => {
  const { round, stop } = await walking(3_000_000)
  const report = round()
  await runtime.advance(1_000)
  await stop()
  expect(await report).toMatchObject({ seen: 0, more: false })
})

it('a store that is down is told before a walk, in time', async () => {
  const { round, goDown } = await walking(10)
  goDown()
  const told = round().catch((error: unknown) => error)
  await runtime.advance(6_000)
  expect(await told).toMatchObject({ code: 'STORE_UNAVAILABLE' })
})
