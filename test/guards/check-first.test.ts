import { describe, expect, it } from 'vitest'
import type { CallOptions, EngineOptions } from '../../src/core/options.ts'
import type { Store } from '../../src/core/store.ts'
import { checkFirst } from '../../src/guards/sql.ts'
import { onlyonce, operationId } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { fakeRuntime } from '../../src/testing/index.ts'

/** Coupons are the business data: a key is the order, and what is left of it may be a coupon without a record. */
function shop(given: Partial<EngineOptions> = {}, wrap: (store: Store) => Store = (store) => store) {
  const runtime = fakeRuntime()
  const store = memoryStore({ runtime })
  const once = onlyonce({ store: wrap(store), scope: 'coupons', runtime, leaseMs: 3_000, ...given })
  const coupons = new Map<string, number>()
  let checks = 0
  const check = async ({ key }: { key: string }) => {
    checks++
    const pence = coupons.get(key)
    return pence === undefined ? { happened: false as const } : { happened: true as const, value: { pence } }
  }
  const give = checkFirst(once, check)
  const grant = (pence: number) => () => {
    coupons.set('1100', pence)
    return { pence }
  }
  const ask = (pence: number, options?: CallOptions, effect = grant(pence)) =>
    give({ key: '1100', payload: { pence } }, effect, options).catch((error) => error.code ?? error.message)
  return { runtime, store, once, coupons, give, grant, ask, checks: () => checks }
}

describe('while the record is there', () => {
  it('another payload is refused', async () => {
    const { ask } = shop()
    expect(await ask(500)).toEqual({ pence: 500 })
    expect(await ask(900)).toBe('KEY_REUSED')
    expect(await ask(500)).toEqual({ pence: 500 })
  })

  it('the record answers a duplicate, and the check is not asked', async () => {
    const { ask, checks } = shop()
    await ask(500)
    expect([await ask(500), checks()]).toEqual([{ pence: 500 }, 1])
  })

  it('a duplicate of a running operation is told so', async () => {
    const { ask, grant } = shop()
    let end = () => {}
    const gone = new Promise<void>((resolve) => (end = resolve))
    const running = ask(500, {}, (async () => {
      const given = grant(500)()
      await gone
      return given
    }) as never)
    await new Promise((resolve) => setImmediate(resolve))
    expect(await ask(500)).toBe('IN_FLIGHT')
    end()
    expect(await running).toEqual({ pence: 500 })
  })

  it('what failed after it had happened is not run again', async () => {
    const { ask, grant } = shop()
    const halfway = () => {
      grant(500)()
      throw new Error('no mail')
    }
    expect(await ask(500, {}, halfway)).toBe('no mail')
    expect(await ask(500, {}, () => expect.fail('ran'))).toEqual({ pence: 500 })
    expect(await ask(900, {}, () => expect.fail('ran'))).toBe('KEY_REUSED')
  })

  it('what was abandoned after it had happened is not run again', async () => {
    const { give, store, runtime, coupons } = shop()
    const id = operationId('coupons', '1100')
    const claim = { id, scope: 'coupons', key: '1100', fingerprint: '', owner: 'gone' }
    await store.claim([{ ...claim, leaseMs: 3_000, retentionMs: 60_000 }])
    coupons.set('1100', 500)
    await runtime.advance(3_001)
    expect(await give('1100', () => expect.fail('ran'))).toEqual({ pence: 500 })
  })
})

describe("onDuplicate: 'reject'", () => {
  it.each(['call', 'engine'])('holds with and without a record (of the %s)', async (whose) => {
    const reject = { onDuplicate: 'reject' } as const
    const { ask, once } = shop(whose === 'engine' ? reject : {})
    const options = whose === 'call' ? reject : undefined
    expect(await ask(500, options)).toEqual({ pence: 500 })
    expect(await ask(500, options)).toBe('DUPLICATE')
    await once.forget('1100')
    expect(await ask(500, options)).toBe('DUPLICATE')
  })
})

describe('while the store is down', () => {
  const down = (store: Store): Store => ({
    ...store,
    claim: () => Promise.reject(new Error('ECONNREFUSED')),
    find: () => Promise.reject(new Error('ECONNREFUSED')),
  })

  it('nothing is answered that might be for another payload', async () => {
    const { ask, coupons } = shop({}, down)
    coupons.set('1100', 500)
    expect(await ask(900)).toBe('STORE_UNAVAILABLE')
  })

  it("under onStoreDown: 'run' the check is what is left", async () => {
    const { ask, coupons } = shop({ onStoreDown: 'run' }, down)
    coupons.set('1100', 500)
    expect(await ask(500, {}, () => expect.fail('ran'))).toEqual({ pence: 500 })
  })
})
