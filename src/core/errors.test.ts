import { describe, expect, it } from 'vitest'
import { ERROR_CODES, type ErrorCode, OnlyonceError, reasonOf } from './errors.ts'

describe('the table of codes', () => {
  it('says which calls may be made again unchanged', () => {
    const retryable = Object.entries(ERROR_CODES).filter(([, { retryable }]) => retryable)
    expect(retryable.map(([code]) => code)).toEqual(['IN_FLIGHT', 'LEASE_LOST', 'STORE_UNAVAILABLE'])
  })

  it('holds the codes of the design, each with one sentence', () => {
    expect(Object.keys(ERROR_CODES)).toEqual([
      'KEY_MISSING',
      'KEY_INVALID',
      'KEY_REUSED',
      'IN_FLIGHT',
      'DUPLICATE',
      'LEASE_LOST',
      'OUTCOME_UNKNOWN',
      'STORE_UNAVAILABLE',
      'RESULT_UNSERIALIZABLE',
      'OPTION_INVALID',
      'TOKEN_INVALID',
      'ILLEGAL_TRANSITION',
      'CLOSED',
    ])
    for (const { meaning } of Object.values(ERROR_CODES)) expect(meaning).toMatch(/^[A-Z].{10,}\.$/)
  })
})

describe('OnlyonceError', () => {
  it('carries its code, its message and a name that logs show', () => {
    const error = new OnlyonceError('CLOSED', 'the engine was closed')
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ name: 'OnlyonceError', code: 'CLOSED', message: 'the engine was closed' })
    expect(String(error)).toBe('OnlyonceError: the engine was closed')
  })

  it.each(Object.keys(ERROR_CODES) as ErrorCode[])('is retryable as the table says: %s', (code) => {
    expect(new OnlyonceError(code, 'm').retryable).toBe(ERROR_CODES[code].retryable)
  })

  it('keeps a cause, also an undefined one, and has none otherwise', () => {
    expect(new OnlyonceError('CLOSED', 'm', { cause: 7 }).cause).toBe(7)
    expect('cause' in new OnlyonceError('CLOSED', 'm', { cause: undefined })).toBe(true)
    expect('cause' in new OnlyonceError('CLOSED', 'm')).toBe(false)
    expect('cause' in new OnlyonceError('CLOSED', 'm', { retryAfterMs: 1 })).toBe(false)
  })

  it('tells how long to wait, when it knows', () => {
    expect(new OnlyonceError('IN_FLIGHT', 'm', { retryAfterMs: 40 }).retryAfterMs).toBe(40)
    expect(new OnlyonceError('IN_FLIGHT', 'm').retryAfterMs).toBe(undefined)
  })

  it('recognises errors of another copy of the package, and nothing else', () => {
    const foreign = Object.assign(new Error('m'), { [Symbol.for('onlyonce.error')]: true })
    expect(OnlyonceError.is(foreign)).toBe(true)
    expect(OnlyonceError.is(new OnlyonceError('CLOSED', 'm'))).toBe(true)
    for (const other of [new Error('m'), { [Symbol.for('onlyonce.error')]: true }, undefined, null, 'CLOSED']) {
      expect(OnlyonceError.is(other)).toBe(false)
    }
  })

  it('turns what was thrown into ours, once', () => {
    const ours = new OnlyonceError('KEY_REUSED', 'mine')
    expect(OnlyonceError.from(ours, 'CLOSED', 'other')).toBe(ours)
    const theirs = new Error('socket hang up')
    expect(OnlyonceError.from(theirs, 'STORE_UNAVAILABLE', 'the store is away')).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: 'the store is away',
      cause: theirs,
    })
  })
})

describe('reasonOf', () => {
  it.each([
    [new TypeError('x is not a function'), 'x is not a function'],
    ['text', 'text'],
    [undefined, 'undefined'],
    [Symbol('s'), 'Symbol(s)'],
    [Object.create(null), 'a value that cannot be printed'],
  ])('says what was thrown', (thrown, reason) => {
    expect(reasonOf(thrown)).toBe(reason)
  })
})
