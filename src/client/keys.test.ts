import fc from 'fast-check'
import { parseItem } from 'structured-headers'
import { expect, it } from 'vitest'
import { headerOf } from './keys.ts'

it('a quoted key is read back by a parser of structured fields', () => {
  const printable = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) })
  const key = printable.filter((text) => text.trim() !== '' && !/undefined|null|NaN|\[object/.test(text))
  fc.assert(
    fc.property(key, (text) => {
      expect(parseItem(headerOf(text, 'quoted'))[0]).toBe(text)
    }),
  )
})

it.each(['8e03978e-40d5-43dd-bc93-6894a57f9324', 'order:1100', 'a"b'])('a bare key %j is sent as it is', (key) => {
  expect(headerOf(key, 'bare')).toBe(key)
})
