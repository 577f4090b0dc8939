import { describe, expect, it } from 'vitest'
import { engine, gate } from '../../test/engine-kit.ts'
import { refusal } from '../../test/support/rejections.ts'
import { VALUE_UNREAD } from './context.ts'
import type { CallOptions } from './options.ts'

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

  it('reads back no value for an edge that has no use for it, and every duplicate gets it', async () => {
    const { once } = engine()
    const unread = { [VALUE_UNREAD]: true } as CallOptions
    const ran = await once.attempt('a', () => 'kept', unread)
    expect(ran).toMatchObject({ kind: 'executed', value: undefined, attempt: 1 })
    expect(await once.attempt('a', () => expect.fail(), unread)).toEqual({ kind: 'replayed', value: 'kept' })
    const unstorable = await once.attempt('b', () => () => {}, unread)
    expect(unstorable).toMatchObject({ kind: 'failed', error: { code: 'RESULT_UNSERIALIZABLE' } })
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

  it('rejects no duplicate of what ended in an error that is kept: that is its answer', async () => {
    const { once } = engine({ onDuplicate: 'reject', onThrow: 'remember' })
    const declined = () => Promise.reject(new Error('declined'))
    for (let call = 0; call < 2; call++) await expect(once('a', declined)).rejects.toThrow('declined')
    for (let call = 0; call < 2; call++)
      expect((await refusal(once('b', () => () => 1))).code).toBe('RESULT_UNSERIALIZABLE')
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
