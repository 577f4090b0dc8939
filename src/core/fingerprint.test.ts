import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fingerprintOf, NO_FINGERPRINT } from './fingerprint.ts'

function digest(input: string | Uint8Array): string {
  return `1:${createHash('sha256').update(input).digest('base64url')}`
}

it('is version 1: SHA-256 over a domain tag and canonical JSON', () => {
  expect(fingerprintOf({ b: 1, a: 'é' })).toBe(digest('onlyonce fingerprint 1 json\n{"a":"é","b":1}'))
  // Written down, so that no later change can quietly unbind the payloads of stored operations.
  expect(fingerprintOf({ b: 1, a: 'é' })).toBe('1:egy6rXk68yl9ig0emlRADiaKaeyN4s-x7pAiugslFKI')
  expect(fingerprintOf(null)).toMatch(/^1:[\w-]{43}$/)
})

it('is version 1: SHA-256 over another domain tag and raw bytes', () => {
  expect(fingerprintOf(Buffer.from('{}'))).toBe(digest('onlyonce fingerprint 1 bytes\n{}'))
  expect(fingerprintOf(new Uint8Array([0xff, 0]))).toBe(
    digest(Buffer.concat([Buffer.from('onlyonce fingerprint 1 bytes\n'), Buffer.from([0xff, 0])])),
  )
})

it.each([0, 1, 4095, 4096, 4097, 20_000])('is the same digest for %i bytes, however they are hashed', (size) => {
  // A view into something larger, after a longer one: nothing of either may be hashed with it.
  fingerprintOf(Buffer.alloc(4096, 'y'))
  const bytes = Buffer.alloc(size + 20, 'x').subarray(10, 10 + size)
  expect(fingerprintOf(bytes)).toBe(digest(Buffer.concat([Buffer.from('onlyonce fingerprint 1 bytes\n'), bytes])))
})

it('without a payload is the empty text, which no payload has', () => {
  expect(NO_FINGERPRINT).toBe('')
  expect([null, '', Buffer.alloc(0)].map(fingerprintOf)).not.toContain(NO_FINGERPRINT)
})

describe('equal and unequal payloads', () => {
  const window = new Uint8Array([9, 1, 2, 3, 4, 9])

  it.each([
    ['member order', { a: 1, b: 2 }, { b: 2, a: 1 }],
    ['1 and 1.0', 1, JSON.parse('1.0')],
    ['0 and -0', 0, -0],
    ['absent and undefined', {}, { a: undefined }],
    ['escaped and literal text', JSON.parse('"\\u00e9"'), '\u00e9'],
    ['bytes in any view', Buffer.from([1, 2, 3, 4]), new Uint8Array(window.buffer, 1, 4)],
    ['bytes in a DataView', Buffer.from([1, 2, 3, 4]), new DataView(window.buffer, 1, 4)],
    ['bytes in an ArrayBuffer', Buffer.from([1, 2]), new Uint8Array([1, 2]).buffer],
    ['bytes in wider units', Buffer.from([1, 0, 2, 0]), new Uint16Array(new Uint8Array([1, 0, 2, 0]).buffer)],
  ])('equal: %s', (_, one, other) => {
    expect(fingerprintOf(one)).toBe(fingerprintOf(other))
  })

  it.each([
    ['bytes and object', Buffer.from('{}'), {}],
    ['bytes and text', Buffer.from('a'), 'a'],
    ['no bytes and empty text', Buffer.alloc(0), ''],
    ['number and text', 1, '1'],
    ['null and absent', { a: null }, {}],
    ['empty object and empty array', {}, []],
    ['array order', [1, 2], [2, 1]],
    ['case', 'a', 'A'],
    ['composed and decomposed', '\u00e9', 'e\u0301'],
    ['trailing blank', 'a', 'a '],
    ['a part of a buffer and all of it', window, window.subarray(1, 5)],
  ])('unequal: %s', (_, one, other) => {
    expect(fingerprintOf(one)).not.toBe(fingerprintOf(other))
  })

  it('refuses the bytes of a buffer that was handed to another thread', () => {
    const gone = new Uint8Array(4)
    structuredClone(gone.buffer, { transfer: [gone.buffer] })
    const refused = expect.objectContaining({ code: 'KEY_INVALID', message: expect.stringContaining('payload cannot') })
    for (const payload of [gone, gone.buffer]) expect(() => fingerprintOf(payload)).toThrow(refused)
  })

  it('text and its bytes never meet', () => {
    fc.assert(fc.property(fc.string(), (text) => fingerprintOf(text) !== fingerprintOf(Buffer.from(text))))
  })
})

it('refuses what is neither bytes nor JSON, by path', () => {
  const refused = expect.objectContaining({ code: 'KEY_INVALID', message: expect.stringContaining('payload.at is an') })
  expect(() => fingerprintOf({ at: new Date(0) })).toThrow(refused)
  expect(() => fingerprintOf(undefined)).toThrow(/payload is undefined/)
})
