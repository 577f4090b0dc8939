import { expect, it } from 'vitest'
import { packText, textOrRaw, unpackText } from './stored-text.ts'

const AS_IT_IS = ['', 'order:1100', 'ends with "', 'a "quoted" word', '訂單', '\u{1f600}']
const AS_JSON = ['"', '"order', '"a"', '\0', 'a\0b', '\ud800', 'a\udc00']

it('text is stored as it is, where every store can keep and tell it', () => {
  for (const text of AS_IT_IS) expect(packText(text)).toBe(text)
})

it('text that a store would cut or replace, or that looks like JSON, is stored as JSON', () => {
  for (const text of AS_JSON) {
    const packed = packText(text)
    expect(packed).toBe(JSON.stringify(text))
    expect(packed).not.toContain('\0')
    expect(packed.isWellFormed()).toBe(true)
  }
})

it('all text comes back', () => {
  for (const text of [...AS_IT_IS, ...AS_JSON]) {
    expect(unpackText(packText(text))).toBe(text)
    expect(textOrRaw(packText(text))).toBe(text)
  }
})

it('damaged text is refused, or shown as it is stored', () => {
  expect(() => unpackText('"cut')).toThrow(SyntaxError)
  expect(textOrRaw('"cut')).toBe('"cut')
  expect(textOrRaw(7)).toBe('7')
})
