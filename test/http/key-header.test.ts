import fc from 'fast-check'
import { parseItem } from 'structured-headers'
import { describe, expect, it } from 'vitest'
import { type KeySyntax, parseKeyHeader } from '../../src/http/key-header.ts'
import { OnlyonceError } from '../../src/index.ts'

const MAX = 255

/** The key, or the code of the refusal. */
function parsed(field: string, syntax: KeySyntax): string {
  try {
    return `key ${parseKeyHeader(field, syntax, MAX)}`
  } catch (error) {
    if (OnlyonceError.is(error)) return error.code
    throw error
  }
}

/** What a strict parser of structured fields makes of it. */
function expected(field: string): string {
  try {
    const [value] = parseItem(field)
    if (typeof value !== 'string') return 'KEY_INVALID'
    return value.trim() === '' ? 'KEY_MISSING' : `key ${value}`
  } catch {
    return 'KEY_INVALID'
  }
}

const printable = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) })
const quoted = printable.map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`)
const name = fc.stringMatching(/^[a-z*][a-z0-9_.*-]{0,6}$/)
const value = fc.oneof(
  quoted,
  fc.integer().map(String),
  fc.tuple(fc.integer({ min: -999, max: 999 }), fc.integer({ min: 0, max: 999 })).map(([a, b]) => `${a}.${b}`),
  fc.constantFrom(
    '?0',
    '?1',
    '@1659578233',
    ':aGk=:',
    ':aGk:',
    '::',
    ':a:',
    'token',
    '*t/:',
    'a',
    '""',
    '1234567890123.1',
  ),
)
const parameter = fc
  .tuple(fc.constantFrom(';', '; ', ';  '), name, fc.option(value))
  .map(([semicolon, key, given]) => (given === null ? semicolon + key : `${semicolon}${key}=${given}`))
const item = fc.tuple(quoted, fc.array(parameter, { maxLength: 3 })).map(([text, rest]) => text + rest.join(''))
/** Well-formed ones, with something in them changed. */
const damaged = fc
  .tuple(
    item,
    fc.nat(),
    fc.constantFrom('"', '\\', ';', ',', '=', ' ', 'A', '\t', 'é', '\u00a0', '\u0000', '?', '@', ':', ''),
  )
  .map(([text, at, what]) => {
    const place = at % (text.length + 1)
    return text.slice(0, place) + what + text.slice(place + 1)
  })
const soup = fc.string({ unit: fc.constantFrom(...'"\\;=,: ?@*a1-.é\u00a0'), maxLength: 12 })

describe('the key in a header, against a parser of structured fields', () => {
  it('strict: the same strings are taken for keys, and the same are refused', () => {
    fc.assert(
      fc.property(fc.oneof(item, damaged, soup), (field) => {
        // The other parser refuses anything behind a date, and takes display strings, which no parameter here may be.
        fc.pre(!/@-?\d+[^\d]|=%"/.test(field))
        // Node takes the blanks around a field away, tabs too.
        fc.pre(!/^\s*\t|\t\s*$/.test(field) && field.length <= MAX)
        expect(parsed(field, 'strict')).toBe(field.trim() === '' ? 'KEY_MISSING' : expected(field))
      }),
      { numRuns: 20_000 },
    )
  })

  it('lenient: whatever strict takes is the same key, and what is taken beside it is bare and as it stands', () => {
    fc.assert(
      fc.property(fc.oneof(item, damaged, soup, printable), (field) => {
        fc.pre(field.length <= MAX)
        const [strict, lenient] = [parsed(field, 'strict'), parsed(field, 'lenient')]
        if (strict.startsWith('key ')) expect(lenient).toBe(strict)
        else if (lenient.startsWith('key ')) {
          expect(lenient).toBe(`key ${field.trim()}`)
          expect(lenient).toMatch(/^key [!\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/)
        }
      }),
      { numRuns: 20_000 },
    )
  })

  it('takes as long for a long row of anything as for other long fields', () => {
    for (const part of [';a', ';a=1', '\\"', '"', ' ', ';a="', '\\']) {
      const field = `"${part.repeat(4_000)}`
      expect(parsed(field, 'lenient')).toBe('KEY_INVALID')
      expect(parsed(`"k"${part.repeat(280)}!`, 'strict')).toBe('KEY_INVALID')
    }
  })
})
