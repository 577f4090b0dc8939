import { describe, expect, it } from 'vitest'
import { quote } from './key.ts'

describe('quote', () => {
  it.each([
    ['text', '"text"'],
    ['two\nlines "quoted"', '"two\\nlines \\"quoted\\""'],
    [7n, '7'],
    [null, 'null'],
    [Symbol('s'), 'Symbol(s)'],
    [{}, '{}'],
    [{ url: 'redis://me:secret@host', 'two\nlines': 1 }, '{ url, two lines }'],
    [new Error('what went wrong'), 'what went wrong'],
    [{ toString: () => 'two \n\n lines' }, 'two lines'],
  ])('puts a value on one line', (value, text) => {
    expect(quote(value)).toBe(text)
  })

  it('never throws, also for what cannot be printed', () => {
    expect(quote(Object.create(null))).toBe('a value that cannot be printed')
    const ownKeys = () => expect.fail('asked for its members')
    expect(quote(new Proxy({}, { ownKeys }))).toBe('an object that cannot be printed')
  })

  it('cuts what is longer than 80 characters', () => {
    expect(quote('x'.repeat(78))).toBe(`"${'x'.repeat(78)}"`)
    expect(quote('x'.repeat(79))).toBe(`"${'x'.repeat(76)}\u2026`)
  })
})
