import { describe, expect, expectTypeOf, it } from 'vitest'
import { onlyonce } from '../core/engine.ts'
import { memoryStore } from '../stores/memory/index.ts'
import { type SqliteTx, sqliteStore } from '../stores/sqlite/index.ts'
import { inbox } from './inbox.ts'
import { resolveInbox } from './inbox-settings.ts'

const once = onlyonce({ store: memoryStore(), scope: 'shop', leaseMs: 9_000, retentionMs: 60_000 })
const transactional = onlyonce({ store: sqliteStore({ path: ':memory:' }), scope: 'shop' })
const HUNDRED_YEARS = 3_153_600_000_000
const given = { once, name: 'coupons', delivers: 'at-least-once', handle: () => {} } as const

describe('inbox options', () => {
  it('takes what is not given from the engine', () => {
    const { scope, visibilityMs, call } = resolveInbox(given)
    expect(scope).toBe('shop/inbox/coupons')
    expect(visibilityMs).toBe(9_000)
    expect(call).toMatchObject({ leaseMs: 9_000, retentionMs: 60_000, waitMs: 909_000, onStoreDown: 'fail' })
  })

  it.each([
    ['once', { once: undefined }],
    ['name', { name: undefined }],
    ['name', { name: ' ' }],
    ['name', { name: 'a/b' }],
    ['name', { name: 'n'.repeat(101) }],
    ['delivers', { delivers: undefined }],
    ['delivers', { delivers: 'atomically' }],
    ['handle', { handle: 'x' }],
    ['key', { key: 'x' }],
    ['fingerprint', { fingerprint: 'x' }],
    ['maxAttempts', { maxAttempts: 1.5 }],
    ['backoffMs', { backoffMs: -1 }],
    ['maxBackoffMs', { backoffMs: 10, maxBackoffMs: 5 }],
    ['holdMs', { holdMs: 0 }],
    ['holdMs', { holdMs: Number.MAX_SAFE_INTEGER }],
    ['holdMs', { holdMs: 3_153_600_000_001, mode: 'shadow' }],
    ['visibilityMs', { visibilityMs: Number.NaN }],
    ['retentionMs', { retentionMs: 5 }],
    ['onAbandoned', { onAbandoned: 'ignore' }],
    ['onStoreDown', { onStoreDown: 'run' }],
    ['maxAttempt', { maxAttempt: 3 }],
    ['scope', { scope: 'tenant' }],
    ['key', { key: 'offset' }],
    ['mode', { mode: 'dry' }],
    ['late', { late: 'drop' }],
    ['strict', { strict: 'yes' }],
    ['redeliveryHorizonMs', { redeliveryHorizonMs: 0 }],
    ['retentionMs', { redeliveryHorizonMs: 60_001, strict: true }],
    ['maxAttempts', { delivers: 'at-most-once', maxAttempts: 2 }],
    ['onAbandoned', { delivers: 'at-most-once', onAbandoned: 'retry' }],
  ])('refuses a bad %s', (name, change) => {
    expect(() => inbox({ ...given, ...change } as never)).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(`\`${name}\``) }),
    )
  })

  it('holds for no longer than an engine waits', () => {
    const ages = { leaseMs: HUNDRED_YEARS, maxRunMs: HUNDRED_YEARS, retentionMs: HUNDRED_YEARS }
    expect(resolveInbox({ ...given, ...ages }).call.waitMs).toBe(HUNDRED_YEARS)
    expect(resolveInbox({ ...given, holdMs: HUNDRED_YEARS }).call.waitMs).toBe(HUNDRED_YEARS)
  })

  it('offers atomic only over a transactional store', () => {
    // @ts-expect-error a memory store has no transactions
    const refused = () => inbox({ once, name: 'coupons', delivers: 'exactly-once-effect', handle: () => {} })
    expect(refused).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    inbox({
      once: transactional,
      name: 'coupons',
      delivers: 'exactly-once-effect',
      handle: (_message, tx) => expectTypeOf(tx).toEqualTypeOf<SqliteTx>(),
    })
    inbox({ once: transactional, name: 'coupons', delivers: 'at-least-once', handle: () => {} })
  })
})
