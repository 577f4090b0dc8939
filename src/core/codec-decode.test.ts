import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { decodeError, decodeResult, encodeError, encodeResult } from './codec.ts'
import { OnlyonceError } from './errors.ts'

const ADVICE = 'the operation ran, but its answer is lost: check its effect by hand, then forget the key'
const PROTOTYPES = [Object.prototype, Array.prototype, Map.prototype, Set.prototype, Date.prototype, Function.prototype]
const untouched = PROTOTYPES.map((prototype) => Reflect.ownKeys(prototype))

afterEach(() => {
  expect(PROTOTYPES.map((prototype) => Reflect.ownKeys(prototype))).toEqual(untouched)
  expect(PROTOTYPES.map((prototype) => Object.getPrototypeOf(prototype))).toEqual([
    null,
    ...PROTOTYPES.slice(1).map(() => Object.prototype),
  ])
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
})

function refusal(bytes: Uint8Array, decode: (bytes: Uint8Array) => unknown = decodeResult): string {
  try {
    decode(bytes)
  } catch (thrown) {
    if (OnlyonceError.is(thrown) && thrown.code === 'OUTCOME_UNKNOWN') return thrown.message
    throw thrown
  }
  throw new Error('was not refused')
}

/** Plain values only: own members, the prototypes of the language, nothing named like a way to a prototype. */
function isHarmless(value: unknown): boolean {
  if (typeof value === 'function' || typeof value === 'symbol') return false
  if (typeof value !== 'object' || value === null) return true
  const prototype: unknown = Object.getPrototypeOf(value)
  if (value instanceof Map) return [...value].flat().every(isHarmless)
  if (value instanceof Set) return [...value].every(isHarmless)
  if (value instanceof Uint8Array) return prototype === Uint8Array.prototype
  if (value instanceof Date) return prototype === Date.prototype
  const names = Object.getOwnPropertyNames(value)
  if (names.some((name) => ['__proto__', 'constructor', 'prototype'].includes(name))) return false
  return [Object.prototype, Array.prototype].includes(prototype as object) && Object.values(value).every(isHarmless)
}

function endsWell(bytes: Uint8Array): void {
  for (const decode of [decodeResult, decodeError]) {
    try {
      const value = decode(bytes)
      if (!(value instanceof Error) && !isHarmless(value)) throw new Error('a harmful value was decoded')
    } catch (thrown) {
      if (!OnlyonceError.is(thrown) || thrown.code !== 'OUTCOME_UNKNOWN') throw thrown
    }
  }
}

const samples = [
  { id: 1, items: [{ price: 1.5, name: 'é' }], none: null },
  [undefined, -0, Number.NaN, 12n, new Date(5), new Map([[{ a: 1 }, new Set([1, 'x'])]]), new Uint8Array([1, 2, 3])],
  new Uint8Array([1, 2, 3]),
].map((value) => encodeResult(value))
samples.push(encodeError(Object.assign(new Error('declined'), { code: 'E1', data: [1n] })))

describe('fuzz', () => {
  const FRAGMENTS = ['"__proto__":', '["array",', '["map",', '["literal","NaN"]', '["bigint","ff"]', '{', '}', '[', ']', ','].concat(
    ['"constructor"', '"prototype"', '["date",8.64e15]', '["bytes","AA=="]', '1e999', '-0', '"toString"', ':', 'null', '\ud83d'],
  ) // biome-ignore format: two rows

  it('any bytes are decoded or refused with OUTCOME_UNKNOWN', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), endsWell), { numRuns: 1_000 })
  })

  it('any body under a good header', () => {
    const body = fc.oneof(
      fc.json(),
      fc.string(),
      fc.array(fc.constantFrom(...FRAGMENTS)).map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(fc.constantFrom('J', 'X', 'B', 'E'), body, (letter, text) =>
        endsWell(Buffer.from(`\x01${letter}${text}`)),
      ),
      { numRuns: 1_000 },
    )
  })

  it('any damage to a good encoding', () => {
    const edit = fc.record({ at: fc.nat(200), remove: fc.nat(4), insert: fc.oneof(fc.uint8Array({ maxLength: 3 }), fc.constantFrom(...FRAGMENTS).map((text) => Buffer.from(text))) }) // biome-ignore format: one thought
    fc.assert(
      fc.property(fc.constantFrom(...samples), fc.array(edit, { minLength: 1, maxLength: 4 }), (sample, edits) => {
        let bytes = Buffer.from(sample)
        for (const { at, remove, insert } of edits) {
          const place = at % (bytes.length + 1)
          bytes = Buffer.concat([bytes.subarray(0, place), insert, bytes.subarray(place + remove)])
        }
        endsWell(bytes)
      }),
      { numRuns: 1_000 },
    )
  })

  it('every truncation, and every bit flipped', () => {
    for (const sample of samples) {
      for (let length = 0; length < sample.length; length++) endsWell(sample.subarray(0, length))
      for (let bit = 0; bit < sample.length * 8; bit++) {
        const flipped = Uint8Array.from(sample)
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        endsWell(flipped)
      }
    }
  })
})

describe('refused', () => {
  it('what a newer version wrote, saying so', () => {
    for (const version of [2, 255]) {
      const message = `the stored result was written by a newer version of onlyonce (format ${version}); upgrade onlyonce here, and ask again`
      expect(refusal(Buffer.from([version]))).toBe(message)
      expect(refusal(Buffer.from([version, 69, 49]), decodeError)).toBe(message)
    }
  })

  it.each([
    ['', 'its first two bytes are not ours'],
    ['\x01', 'its first two bytes are not ours'],
    ['\x00J1', 'its first two bytes are not ours'],
    ['\x01?1', 'its first two bytes are not ours'],
    ['\x01E{"name":"Error","message":""}', 'its first two bytes are not ours'],
    ['\x01J', 'it cannot be read'],
    ['\x01J{"a":', 'it cannot be read'],
    ['\x01J\ufeff1', 'it cannot be read'],
    ['\x01J{"__proto__":{"polluted":1}}', 'it has a member with a name that can reach a prototype'],
    ['\x01J[{"a":{"\\u005f_proto__":{}}}]', 'it has a member with a name that can reach a prototype'],
    ['\x01J{"constructor":{"prototype":{"polluted":1}}}', 'it has a member with a name that can reach a prototype'],
    ['\x01X{"__proto__":{"polluted":1}}', 'it has a member with a name that can reach a prototype'],
    ['\x01X["array",{"prototype":1}]', 'it has a member with a name that can reach a prototype'],
    ['\x01X[]', 'an array has no known tag'],
    ['\x01X[1]', 'an array has no known tag'],
    ['\x01X["toString",1]', 'an array has no known tag'],
    ['\x01X[["array"],1]', 'an array has no known tag'],
    ['\x01X[{"toString":1},1]', 'an array has no known tag'],
    ['\x01X["literal"]', 'a scalar is not one part'],
    ['\x01X["literal","NaN",1]', 'a scalar is not one part'],
    ['\x01X["literal","nan"]', 'a literal is unknown'],
    ['\x01X["literal",["NaN"]]', 'a literal is unknown'],
    ['\x01X["bigint",1]', 'a bigint is not hexadecimal'],
    ['\x01X["bigint",["1"]]', 'a bigint is not hexadecimal'],
    ['\x01X["bigint",""]', 'a bigint is not hexadecimal'],
    ['\x01X["bigint","-"]', 'a bigint is not hexadecimal'],
    ['\x01X["bigint","-0"]', 'a bigint is not hexadecimal'],
    ['\x01X["bigint","01"]', 'a bigint is not hexadecimal'],
    ['\x01X["bigint","00"]', 'a bigint is not hexadecimal'],
    ['\x01X["bigint","10g"]', 'a bigint is not hexadecimal'],
    ['\x01X["bigint","g10"]', 'a bigint is not hexadecimal'],
    ['\x01X["bigint"," 1"]', 'a bigint is not hexadecimal'],
    ['\x01X["bigint","--1"]', 'a bigint is not hexadecimal'],
    ['\x01X["date","2020"]', 'a date is not a time'],
    ['\x01X["date",1.5]', 'a date is not a time'],
    ['\x01X["date",-0]', 'a date is not a time'],
    ['\x01X["date",8.64e15001]', 'a date is not a time'],
    ['\x01X["date",8640000000000001]', 'a date is not a time'],
    ['\x01X["date",true]', 'a date is not a time'],
    ['\x01X["bytes","AP8"]', 'bytes are not base64'],
    ['\x01X["bytes","A P8="]', 'bytes are not base64'],
    ['\x01X["bytes","_-8="]', 'bytes are not base64'],
    ['\x01X["bytes",["AP8="]]', 'bytes are not base64'],
    ['\x01X["bytes",{"toString":1}]', 'it cannot be read'],
    ['\x01X["map",1]', 'a map has a key twice, or one without a value'],
    ['\x01X["map",1,2,3]', 'a map has a key twice, or one without a value'],
    ['\x01X["map",1,2,1,3]', 'a map has a key twice, or one without a value'],
    ['\x01X["set",1,1]', 'a set has an item twice'],
  ])('%j', (text, reason) => {
    expect(refusal(Buffer.from(text))).toBe(`the stored result is corrupt: ${reason}; ${ADVICE}`)
  })

  it('broken UTF-8, which must not become another text', () => {
    expect(refusal(Buffer.from([1, 74, 34, 0xff, 34]))).toContain('it is not UTF-8')
    expect(decodeResult(Buffer.from([1, 66, 0xff]))).toEqual(new Uint8Array([0xff]))
  })

  it('what is no bytes at all', () => {
    for (const wrong of [undefined, null, 'J1', {}, [1, 74, 49]]) {
      expect(refusal(wrong as unknown as Uint8Array)).toContain('the stored result is corrupt')
    }
  })

  it('keeps what was thrown underneath as its cause, and says nothing of the content', () => {
    try {
      decodeResult(Buffer.from('\x01Jsecret'))
      expect.unreachable()
    } catch (thrown) {
      expect((thrown as Error).cause).toBeInstanceOf(SyntaxError)
      expect((thrown as Error).message).not.toContain('secret')
    }
  })

  it('80 000 levels, and half a million items, without a stack overflow', () => {
    for (const open of ['[', '{"a":', '["array",', '["set",', '["map",1,']) {
      for (const letter of ['J', 'X', 'E']) {
        const close = open.startsWith('{') ? '}' : ']'
        endsWell(Buffer.from(`\x01${letter}${open.repeat(80_000)}1${close.repeat(80_000)}`))
      }
    }
    endsWell(Buffer.from(`\x01X["array"${',1'.repeat(500_000)}]`))
  })

  it('numeric names with colliding hashes cost no more than others (CVE-2026-21717)', () => {
    // No clock: a cost that grows with the square of the names would end in the time limit of the test.
    const names = Array.from({ length: 150_000 }, (_, index) => `"${index * 2 ** 14}":1`)
    for (const letter of ['J', 'X']) {
      const decoded = decodeResult(Buffer.from(`\x01${letter}{${names.join()}}`), { maxBytes: 8_000_000 })
      expect(Object.keys(decoded as object)).toHaveLength(150_000)
    }
  })

  it('an inherited setter is never run', () => {
    let ran = 0
    Object.defineProperty(Object.prototype, 'trap', { set: () => ran++, configurable: true })
    try {
      const value = { trap: undefined }
      expect(Object.hasOwn(decodeResult(encodeResult(value)) as object, 'trap')).toBe(true)
      expect(ran).toBe(0)
    } finally {
      delete (Object.prototype as { trap?: unknown }).trap
    }
  })
})

it('reads its own limits of bigint and date', () => {
  const edges = [8.64e15, -8.64e15, 0].map((time) => new Date(time))
  expect(decodeResult(encodeResult(edges))).toEqual(edges)
  const long = -(16n ** 100_000n) + 1n
  expect(decodeResult(encodeResult(long))).toBe(long)
  expect(decodeResult(Buffer.from('\x01X["bigint","-abcdef0123456789"]'))).toBe(-0xabcdef0123456789n)
})

describe('what sealedStore wrote', () => {
  const FORMAT = encodeResult(1)[0] as number
  const sealed = (id: string, { format = FORMAT, length = id.length, rest = [7, 8, 9] as readonly number[] } = {}) =>
    Uint8Array.of(format, length, ...Buffer.from(id, 'latin1'), ...rest)
  const told = (bytes: Uint8Array) => {
    try {
      return decodeResult(bytes)
    } catch (error) {
      return error
    }
  }

  it('is told as sealed, and by which key, so that nobody forgets it as damaged', () => {
    for (const bytes of [sealed('2026-a'), sealed('2026-a', { rest: [] })])
      expect(told(bytes)).toMatchObject({
        code: 'OUTCOME_UNKNOWN',
        message:
          'the stored result is sealed with the key 2026-a and was asked for without it; it is not damaged: read it through `sealedStore`, as the process does that wrote it, and do not forget the operation',
      })
  })

  it.each([
    ['of another format', sealed('2026-a', { format: 0 })],
    ['cut within the id', sealed('2026', { length: 6, rest: [] })],
    ['with an id that no key has', sealed('a\u0007b')],
    ['with an empty id', sealed('')],
  ])('is damaged when it is %s', (_, bytes) => {
    expect(told(bytes)).toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      message: expect.stringContaining('its first two bytes are not ours'),
    })
  })
})
