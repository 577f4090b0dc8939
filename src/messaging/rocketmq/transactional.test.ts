import { expect, it } from 'vitest'
import { onlyonce } from '../../index.ts'
import { memoryStore } from '../../stores/memory/index.ts'
import { sqliteStore } from '../../stores/sqlite/index.ts'
import { transactional } from '../rocketmq.ts'

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
