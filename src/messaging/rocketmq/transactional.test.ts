import { expect, it } from 'vitest'
import { onlyonce } from '../../index.ts'
import { memoryStore } from '../../stores/memory/index.ts'
import { sqliteStore } from '../../stores/sqlite/index.ts'
import { fakeRuntime } from '../../testing/fake-runtime.ts'
import { transactional } from '../rocketmq.ts'
import { operationHeader, RESOLUTION } from './check-back.ts'

it('refuses what it cannot work with', () => {
  const once = onlyonce({ store: sqliteStore({ path: '/nowhere/onlyonce.db' }), scope: 's' })
  const refused = (change: object) => expect(() => transactional({ once, ...change } as never), JSON.stringify(change))
  for (const [change, words] of [
    [{ once: onlyonce({ store: memoryStore(), scope: 's' }) }, '`once` must have a transactional store'],
    [{ once: {} }, '`once` must have a transactional store'],
    [{ once: undefined }, '`once` must have a transactional store'],
    [{ rollbackAfterMs: 0 }, '`rollbackAfterMs` must be a positive integer'],
    [{ rolbackAfterMs: 1_000 }, '`rolbackAfterMs` is not an option; there are once, rollbackAfterMs'],
  ] as const) {
    refused(change).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(words) }),
    )
  }
})

it.each([
  ['reject', 3_000],
  ['wait', 13_000],
] as const)('drops nothing while its effect may commit: with onInFlight `%s` for %d ms', async (onInFlight, ms) => {
  const runtime = fakeRuntime()
  const times = { onInFlight, waitMs: 10_000, maxRunMs: 2_000, leaseMs: 1_000 }
  const store = sqliteStore({ path: '/nowhere/onlyonce.db' })
  const { atomic, options } = onlyonce({ store, scope: 's', runtime, ...times })
  const { checker } = transactional({ once: { atomic, options, store: { ...store, find: async () => [undefined] } } })
  const bornTimestamp = new Date(runtime.now())
  const answer = () =>
    checker.check({ properties: new Map([operationHeader({ scope: 's', key: 'k', fingerprint: '' })]), bornTimestamp })
  await runtime.advance(ms - 1)
  expect(await answer()).toBe(RESOLUTION.undecided)
  await runtime.advance(1)
  expect(await answer()).toBe(RESOLUTION.rollback)
})
