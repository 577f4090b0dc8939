import { describe, expect, it } from 'vitest'
import { setup } from '../../test/atomic-kit.ts'
import { always, engine, gate } from '../../test/engine-kit.ts'
import { refusal } from '../../test/support/rejections.ts'
import { memoryStore } from '../stores/memory/index.ts'
import { onlyonce } from './engine.ts'
import { OnlyonceError } from './errors.ts'

describe('construction', () => {
  it('needs a store and a scope', () => {
    expect(() => onlyonce({ scope: 'a' } as never)).toThrow(/option `store` is required/)
    expect(() => onlyonce({ store: memoryStore() } as never)).toThrow(/option `scope` is required/)
    expect(() => onlyonce(undefined as never)).toThrow(OnlyonceError)
    const { claim: _, ...noStore } = memoryStore()
    expect(() => onlyonce({ store: noStore, scope: 'a' } as never)).toThrow(/option `store` is required/)
  })

  it('has no atomic on a store without transactions, and shows its store and options', () => {
    const store = memoryStore()
    const once = onlyonce({ store, scope: 'a', leaseMs: 5_000 })
    expect(once.atomic).toBeUndefined()
    expect(once.store).toBe(store)
    expect(once.options).toMatchObject({ scope: 'a', leaseMs: 5_000, onInFlight: 'reject', waitMs: 10_000 })
    expect(Object.isFrozen(once.options)).toBe(true)
  })
})

it('removes expired records in the background while there are calls', async () => {
  const { once, runtime, store } = engine({ retentionMs: 10_000 })
  for (const key of ['a', 'b', 'c']) await once(key, () => 1)
  await runtime.advance(60_000)
  expect(store.size).toBe(3)
  await once('d', () => 1)
  await runtime.advance(0)
  expect(store.size).toBe(1)
})

describe('close', () => {
  it('lets nobody begin who waited behind a call with another payload', async () => {
    const kit = engine()
    await kit.once.attempt({ key: 'a', payload: 2 }, () => {
      throw new Error('given back')
    })
    const slow = kit.open({}, (verb, call) =>
      verb === 'claim' && call === 1 ? { kind: 'delay-request', ms: 100 } : undefined,
    )
    const first = slow.attempt({ key: 'a', payload: 1 }, () => expect.fail('another payload'))
    const behind = refusal(slow.attempt({ key: 'a', payload: 2 }, () => expect.fail('began after close')))
    await kit.runtime.advance(10)
    const closed = slow.close()
    await kit.runtime.advance(1_000)
    await closed
    expect(await first).toMatchObject({ kind: 'mismatch' })
    expect((await behind).code).toBe('CLOSED')
  })

  it('lets running effects settle, refuses what is new, and may be called again', async () => {
    const { once, runtime } = engine()
    const { started, effect } = gate<number>()
    const running = once('a', effect)
    await runtime.advance(0)
    let closed = false
    const closing = once.close().then(() => {
      closed = true
    })
    const refused = await refusal(once('b', () => 1))
    expect(refused).toMatchObject({ code: 'CLOSED', message: expect.stringContaining('scope "test" was closed') })
    expect(await refusal(once.find('b'))).toMatchObject({ code: 'CLOSED' })
    expect(await refusal(once.forget('b'))).toMatchObject({ code: 'CLOSED' })
    await runtime.advance(0)
    expect(closed).toBe(false)
    started[0]?.resolve(1)
    expect(await running).toBe(1)
    await closing
    await once[Symbol.asyncDispose]()
    expect(runtime.pending).toBe(0)
  })

  it('ends waits with CLOSED', async () => {
    const { once, open, runtime } = engine({ onInFlight: 'wait' })
    const { started, effect } = gate<number>()
    const owner = once('a', effect)
    await runtime.advance(0)
    const other = open()
    const waiting = refusal(other('a', () => 2))
    const following = refusal(other('a', () => 2))
    await runtime.advance(5)
    await other.close()
    expect(await waiting).toMatchObject({ code: 'CLOSED' })
    expect(await following).toMatchObject({ code: 'CLOSED' })
    started[0]?.resolve(1)
    await owner
  })
})

describe('a store that is closed while an effect runs', () => {
  const closed = new OnlyonceError('CLOSED', 'the store was closed')

  it('is not asked for a whole lease to keep the result', async () => {
    const { once, runtime } = engine({}, always('complete', { kind: 'lose-request', error: closed }))
    const running = refusal(once('a', () => 1))
    expect(await Promise.race([running, runtime.advance(1_000).then(() => 'still asking')])).toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      cause: closed,
    })
  })

  it('is not asked for a whole lease what became of a commit', async () => {
    const { once, runtime } = await setup({}, (verb, call) => {
      if (verb === 'transaction' && call === 1) return { kind: 'lose-reply' }
      return verb === 'find' ? { kind: 'lose-request', error: closed } : undefined
    })
    const running = refusal(once.atomic('a', () => 1))
    expect(await Promise.race([running, runtime.advance(1_000).then(() => 'still asking')])).toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      cause: closed,
    })
  })
})
