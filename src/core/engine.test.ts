import { describe, expect, it } from 'vitest'
import { engine, gate } from '../../test/engine-kit.ts'
import { memoryStore } from '../stores/memory/index.ts'
import { onlyonce } from './engine.ts'
import { OnlyonceError } from './errors.ts'
import { operationId } from './key.ts'

const refusal = async (promise: Promise<unknown>) => {
  const error = await promise.then(
    (value) => expect.fail(`resolved with ${String(value)}`),
    (reason: unknown) => reason,
  )
  expect(OnlyonceError.is(error)).toBe(true)
  return error as OnlyonceError
}

describe('once', () => {
  it('runs the effect the first time and replays its result afterwards', async () => {
    const { once } = engine()
    let runs = 0
    const effect = () => ({ receipt: ++runs })
    expect(await once('a', effect)).toEqual({ receipt: 1 })
    expect(await once('a', effect)).toEqual({ receipt: 1 })
    expect(await once('b', effect)).toEqual({ receipt: 2 })
  })

  it('answers the owner with the stored form of the result, not with its own object', async () => {
    const { once } = engine()
    const own = { at: new Date(5), gone: undefined }
    const answer = await once('a', () => own)
    expect(answer).toEqual(own)
    expect(answer).not.toBe(own)
  })

  it('gives every caller a copy of its own', async () => {
    const { once } = engine()
    const first = await once('a', () => ({ list: [1] }))
    first.list.push(2)
    expect(await once('a', () => ({ list: [] as number[] }))).toEqual({ list: [1] })
  })

  it('replays undefined as undefined', async () => {
    const { once } = engine()
    expect(await once('a', () => {})).toBeUndefined()
    expect(await once.attempt('a', () => expect.fail())).toEqual({ kind: 'replayed', value: undefined })
  })

  it('keeps scopes apart, the call’s own and the engine’s', async () => {
    const { once } = engine()
    expect(await once({ key: 'a', scope: 'one' }, () => 1)).toBe(1)
    expect(await once({ key: 'a', scope: 'two' }, () => 2)).toBe(2)
    expect(await once('a', () => 3)).toBe(3)
    expect(await once({ key: 'a', scope: 'one' }, () => 9)).toBe(1)
  })

  it('refuses the same key with another payload, before, during and after the first run', async () => {
    const { once, runtime } = engine()
    const { started, effect } = gate<number>()
    const first = once({ key: 'a', payload: { n: 1 } }, effect)
    await runtime.advance(0)
    const during = await refusal(once({ key: 'a', payload: { n: 2 } }, () => 2))
    expect(during).toMatchObject({ code: 'KEY_REUSED', retryable: false })
    started[0]?.resolve(1)
    expect(await first).toBe(1)
    const after = await refusal(once({ key: 'a', payload: { n: 2 } }, () => 2))
    expect(after.message).toContain('"a" is bound to another payload')
    expect(await once({ key: 'a', payload: { n: 1 } }, () => 3)).toBe(1)
    expect(await once.attempt({ key: 'a', payload: {} }, () => 3)).toEqual({ kind: 'mismatch' })
  })

  it('releases the key when the effect throws, and throws what the effect threw', async () => {
    const { once } = engine()
    const boom = new Error('boom')
    await expect(once({ key: 'a', payload: 1 }, () => Promise.reject(boom))).rejects.toBe(boom)
    expect(await refusal(once({ key: 'a', payload: 2 }, () => 1))).toMatchObject({ code: 'KEY_REUSED' })
    expect(await once({ key: 'a', payload: 1 }, () => 'again')).toBe('again')
    const failed = await once.attempt('b', () => Promise.reject(boom))
    expect(failed).toEqual({ kind: 'failed', error: boom, replayed: false })
  })

  it('treats an effect that throws at once like one that rejects', async () => {
    const { once } = engine()
    const sync = () => {
      throw new TypeError('sync')
    }
    await expect(once('a', sync)).rejects.toThrow('sync')
    expect(await once('a', () => 1)).toBe(1)
  })

  it.each([
    ['the word', 'remember' as const],
    ['a function', (error: unknown) => (error instanceof RangeError ? ('remember' as const) : ('release' as const))],
  ])('remembers the error when onThrow says so by %s', async (_, onThrow) => {
    const { once, types } = engine({ onThrow })
    const outcome = await once.attempt('a', () => {
      throw new RangeError('declined')
    })
    expect(outcome).toMatchObject({
      kind: 'failed',
      replayed: false,
      error: { message: 'declined', name: 'RangeError' },
    })
    const again = await once.attempt('a', () => 1)
    expect(again).toMatchObject({ kind: 'failed', replayed: true, error: { message: 'declined', name: 'RangeError' } })
    await expect(once('a', () => 1)).rejects.toThrow('declined')
    expect(types()).toEqual(['claimed', 'failed', 'replayed', 'replayed'])
  })

  it('releases when the onThrow function says so or throws itself, and reports the latter', async () => {
    const reported: unknown[] = []
    const broken = new Error('policy')
    let verdict: () => 'release' = () => 'release'
    const { once } = engine({ onThrow: () => verdict(), onListenerError: (error) => reported.push(error) })
    await expect(once('a', () => Promise.reject(new Error('1')))).rejects.toThrow('1')
    expect(reported).toEqual([])
    verdict = () => {
      throw broken
    }
    await expect(once('a', () => Promise.reject(new Error('2')))).rejects.toThrow('2')
    expect(reported).toEqual([broken])
    expect(await once('a', () => 3)).toBe(3)
  })

  it('counts an operation whose result cannot be stored as done, for the owner and for duplicates', async () => {
    const { once } = engine()
    let runs = 0
    const effect = () => {
      runs++
      return { deep: [() => 1] }
    }
    const first = await refusal(once('a', effect))
    expect(first).toMatchObject({ code: 'RESULT_UNSERIALIZABLE', retryable: false })
    expect(first.message).toContain('deep[0]')
    const second = await refusal(once('a', effect))
    expect(second.message).toBe(first.message)
    expect(runs).toBe(1)
    expect(await once.find('a')).toMatchObject({ state: 'done', result: { kind: 'error' } })
  })

  it('rejects duplicates of a done operation when asked to, and only those', async () => {
    const { once } = engine({ onDuplicate: 'reject' })
    expect(await once('a', () => 1)).toBe(1)
    const error = await refusal(once('a', () => 2))
    expect(error).toMatchObject({ code: 'DUPLICATE', retryable: false })
    expect(error.message).toContain('"a" was already submitted')
    expect(await once.attempt('a', () => 2)).toEqual({ kind: 'replayed', value: 1 })
    expect(await once('a', () => 2, { onDuplicate: 'replay' })).toBe(1)
  })

  it('runs again when the retention is over', async () => {
    const { once, runtime } = engine({ retentionMs: 10_000 })
    expect(await once('a', () => 1)).toBe(1)
    await runtime.advance(9_999)
    expect(await once('a', () => 2)).toBe(1)
    await runtime.advance(1)
    expect(await once('a', () => 3)).toBe(3)
  })

  it('does not let nested and parallel calls disturb each other', async () => {
    const { once } = engine()
    const outer = once('outer', async (op) => {
      const [a, b] = await Promise.all([once('a', (inner) => inner.key), once('b', (inner) => inner.key)])
      return [op.key, a, b]
    })
    expect(await outer).toEqual(['outer', 'a', 'b'])
  })

  it('refuses a call of itself on the key it is running, instead of waiting for itself', async () => {
    const { once } = engine()
    expect(await refusal(once('a', () => once('a', () => 1)))).toMatchObject({ code: 'IN_FLIGHT' })
  })

  it('refuses what is not a function', async () => {
    const { once } = engine()
    const refused = await refusal(once('a', 5 as never))
    expect(refused).toMatchObject({ code: 'OPTION_INVALID', message: 'option `effect` must be a function; got 5' })
    expect(await once.find('a')).toBeUndefined()
  })

  it.each([
    [undefined, 'KEY_MISSING'],
    ['', 'KEY_MISSING'],
    ['order:undefined', 'KEY_INVALID'],
    [7, 'KEY_INVALID'],
    ['x'.repeat(256), 'KEY_INVALID'],
    [{ key: 'a', payload: { f: () => 1 } }, 'KEY_INVALID'],
  ])('does not run the effect for the key %j', async (key, code) => {
    const { once, types } = engine()
    expect(await refusal(once(key as never, () => expect.fail('ran')))).toMatchObject({ code })
    expect(types()).toEqual([])
  })

  it('takes the choices of one call over those of the engine', async () => {
    const { once, runtime } = engine({ retentionMs: 10_000 })
    await once('a', () => 1, { retentionMs: 20_000 })
    await runtime.advance(15_000)
    expect(await once('a', () => 2)).toBe(1)
    expect(await refusal(once('a', () => 2, { retentionMS: 1 } as never))).toMatchObject({ code: 'OPTION_INVALID' })
  })
})

describe('the effect', () => {
  it('is told the operation it carries out', async () => {
    const { once } = engine()
    let seen: unknown
    await once({ key: 'a', scope: 'mine' }, (op) => {
      seen = { ...op }
    })
    expect(seen).toMatchObject({ scope: 'mine', key: 'a', attempt: 1, starts: 1, fence: expect.any(Number) })
    expect(seen).toMatchObject({ owner: expect.stringMatching(/^[0-9a-f]{32}$/) })
  })

  it('gets a fence that grows with every start, and a count of the starts', async () => {
    const { once } = engine()
    const fences: number[] = []
    const starts: number[] = []
    const failing = once('a', (op) => {
      fences.push(op.fence)
      starts.push(op.starts)
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow()
    await once('a', (op) => {
      fences.push(op.fence)
      starts.push(op.starts)
      expect(op.attempt).toBe(1)
    })
    expect(fences[1]).toBeGreaterThan(fences[0] as number)
    expect(starts).toEqual([1, 2])
  })

  it('derives the same downstream key on every attempt, and another one for another part or operation', async () => {
    const { once } = engine()
    const children: string[] = []
    const note = (op: { child(name: string): string }) => void children.push(op.child('charge'), op.child('mail'))
    await expect(
      once('a', (op) => {
        note(op)
        throw new Error('no')
      }),
    ).rejects.toThrow()
    await once('a', note)
    await once('b', note)
    expect(children.slice(0, 2)).toEqual(children.slice(2, 4))
    expect(new Set(children).size).toBe(4)
    expect(children[0]).toBe(operationId(operationId('test', 'a'), 'charge'))
  })
})

describe('events', () => {
  it('tell how long the effect ran', async () => {
    const { once, runtime, events } = engine({ onThrow: 'remember' })
    await runtime.advance(1_000)
    const { started, effect } = gate<number>()
    const both = [once.attempt('a', effect), once.attempt('b', effect)]
    await runtime.advance(40)
    started[0]?.resolve(1)
    await both[0]
    started[1]?.reject(new Error('no'))
    await both[1]
    expect(events.slice(2)).toMatchObject([
      { type: 'executed', key: 'a', tookMs: 40 },
      { type: 'failed', key: 'b', tookMs: 40, remembered: true },
    ])
  })

  it('tell of another payload', async () => {
    const { once, events } = engine()
    await once({ key: 'a', payload: 1 }, () => 1)
    await once.attempt({ key: 'a', payload: 2 }, () => 1)
    expect(events.at(-1)).toEqual({ type: 'mismatch', scope: 'test', key: 'a' })
  })

  it('tell an execution and a replay with scope and key', async () => {
    const { once, events } = engine()
    await once('a', () => 1)
    await once('a', () => 1)
    const about = { scope: 'test', key: 'a' }
    expect(events).toEqual([
      { type: 'claimed', attempt: 1, fence: expect.any(Number), tookMs: 0, ...about },
      { type: 'executed', attempt: 1, fence: expect.any(Number), tookMs: 0, ...about },
      { type: 'replayed', joined: false, ...about },
    ])
  })

  it('reach a listener until it unsubscribes, and one that throws changes nothing', async () => {
    const reported: unknown[] = []
    const { once } = engine({ onListenerError: (error) => reported.push(error) })
    const broken = new Error('listener')
    const stop = once.on(() => {
      throw broken
    })
    expect(await once('a', () => 1)).toBe(1)
    expect(reported).toEqual([broken, broken])
    stop()
    await once('b', () => 1)
    expect(reported).toHaveLength(2)
  })
})

describe('find and forget', () => {
  it('show nothing, then a running, then a done operation', async () => {
    const { once, runtime } = engine({ retentionMs: 60_000 })
    const { started, effect } = gate<number>()
    expect(await once.find('a')).toBeUndefined()
    const running = once('a', effect)
    await runtime.advance(0)
    expect(await once.find('a')).toMatchObject({ scope: 'test', key: 'a', state: 'running', attempt: 1, starts: 1 })
    started[0]?.resolve(7)
    await running
    expect(await once.find('a')).toEqual({
      scope: 'test',
      key: 'a',
      state: 'done',
      attempt: 1,
      starts: 1,
      fence: expect.any(Number),
      createdAt: new Date(runtime.now()),
      retainUntil: new Date(runtime.now() + 60_000),
      result: { kind: 'value', value: 7 },
    })
  })

  it('let the effect run again after forget', async () => {
    const { once } = engine()
    await once('a', () => 1)
    expect(await once.forget('a')).toBe(true)
    expect(await once.forget('a')).toBe(false)
    expect(await once('a', () => 2)).toBe(2)
  })

  it('leave the readable key out of the store when keys are hashed', async () => {
    const { once, store } = engine({ keys: 'hashed' })
    await once('secret', () => 1)
    const [record] = await store.find([operationId('test', 'secret')])
    expect(record).not.toHaveProperty('key')
    expect(record).not.toHaveProperty('scope')
    expect(await once.find('secret')).toMatchObject({ key: 'secret', scope: 'test' })
  })
})

describe('exclusive', () => {
  it('lets one effect at a time run, remembers nothing, and answers with the effect’s own value', async () => {
    const { once, runtime } = engine()
    const { started, effect } = gate<object>()
    const first = once.exclusive('a', effect)
    await runtime.advance(0)
    expect(await refusal(once.exclusive('a', () => 2))).toMatchObject({ code: 'IN_FLIGHT', retryable: true })
    const own = {}
    started[0]?.resolve(own)
    expect(await first).toBe(own)
    expect(await once.exclusive('a', () => 3)).toBe(3)
  })

  it('never meets the keys of the other calls', async () => {
    const { once } = engine()
    expect(await once('a', () => once.exclusive('a', () => 1))).toBe(1)
    expect(
      await once.exclusive({ key: 'b', scope: 'one' }, () => once.exclusive({ key: 'b', scope: 'two' }, () => 2)),
    ).toBe(2)
    const same = once.exclusive({ key: 'b', scope: 'one' }, () => once.exclusive({ key: 'b', scope: 'one' }, () => 2))
    expect(await refusal(same)).toMatchObject({ code: 'IN_FLIGHT' })
    const named = { key: 'c', scope: 'one' }
    expect(await once(named, () => once.exclusive(named, () => 3))).toBe(3)
    expect(await once(named, () => 4)).toBe(3)
  })

  it.each([null, undefined, 7, {}])('does not run the effect for the key %j', async (key) => {
    const { once } = engine()
    const error = await refusal(once.exclusive(key as never, () => expect.fail('ran')))
    expect(error.code).toMatch(/^KEY_/)
  })

  it('names the option that is wrong', async () => {
    const { once } = engine()
    const error = await refusal(once.exclusive('a', () => 1, { leaseMs: -1 }))
    expect(error.message).toContain('option `leaseMs` must be a positive integer')
  })

  it('leaves nothing behind for longer than its lease and as long again', async () => {
    const { once, runtime, store } = engine()
    await once.exclusive('a', () => 1)
    await once.exclusive('b', () => 1, { leaseMs: 5_000 })
    await once.exclusive('c', () => 1, { retentionMs: 8_000 })
    const removed: [number, number][] = []
    for (const ms of [5_999, 1, 3_999, 1, 999, 1]) {
      await runtime.advance(ms)
      removed.push([runtime.elapsed(), await store.sweep(10)])
    }
    expect(removed).toEqual([
      [5_999, 0],
      [6_000, 1],
      [9_999, 0],
      [10_000, 1],
      [10_999, 0],
      [11_000, 1],
    ])
  })

  it('tells what it does as the other calls do', async () => {
    const { once, runtime, events } = engine()
    await runtime.advance(1_000)
    const { started, effect } = gate<number>()
    const held = once.exclusive('a', effect)
    await runtime.advance(40)
    started[0]?.resolve(1)
    await held
    expect(events).toMatchObject([
      { type: 'claimed', attempt: 1, tookMs: 0 },
      { type: 'executed', attempt: 1, fence: expect.any(Number), tookMs: 40 },
    ])
  })

  it('forgets the steps of the holder before', async () => {
    const { once, store } = engine()
    expect(await once.exclusive('a', (op) => op.step('one', () => 1))).toBe(1)
    expect(await once.exclusive('a', (op) => op.step('one', () => 2))).toBe(2)
    const [record] = (await store.list({ limit: 10 })).items
    expect(record?.steps).toEqual([])
  })

  it('gives the lock back when the effect throws', async () => {
    const { once } = engine({ onThrow: 'remember', onAbandoned: 'hold' })
    await expect(once.exclusive('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await once.exclusive('a', () => 1)).toBe(1)
  })

  it('tells the owner when the lock was taken over meanwhile', async () => {
    const { once, open, runtime, events } = engine({ onAbandoned: 'hold' }, (verb) =>
      verb === 'renew' ? { kind: 'lose-request' } : undefined,
    )
    await runtime.advance(1_000)
    const { started, effect } = gate<number>()
    const slow = refusal(once.exclusive('a', effect))
    await runtime.advance(3_000)
    expect(await open().exclusive('a', () => 2)).toBe(2)
    started[0]?.resolve(1)
    const error = await slow
    expect(error).toMatchObject({ code: 'LEASE_LOST', message: expect.stringContaining('another owner held the lock') })
    expect(error).not.toHaveProperty('cause')
    const lost = { type: 'lease-lost', fence: expect.any(Number), heldMs: 3_000, scope: expect.any(String), key: 'a' }
    expect(events).toContainEqual(lost)
  })
})

describe('close', () => {
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

it('removes expired records in the background while there are calls', async () => {
  const { once, runtime, store } = engine({ retentionMs: 10_000 })
  for (const key of ['a', 'b', 'c']) await once(key, () => 1)
  await runtime.advance(60_000)
  expect(store.size).toBe(3)
  await once('d', () => 1)
  await runtime.advance(0)
  expect(store.size).toBe(1)
})

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
