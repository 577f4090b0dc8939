import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DANGEROUS, roundTrip, same } from '../../test/codec-kit.ts'
import { encodeResult } from './codec.ts'

function objectsIn(value: unknown, found = new Set<object>()): Set<object> {
  if (typeof value !== 'object' || value === null) return found
  found.add(value)
  const parts = value instanceof Map ? [...value].flat() : value instanceof Set ? value : Object.values(value)
  for (const part of parts) objectsIn(part, found)
  return found
}

const anyText = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) })
const name = fc
  .oneof(fc.string(), anyText, fc.constantFrom('toString', 'then', '0', 'array', '__proto'))
  .filter((text) => !DANGEROUS.includes(text))
const { value: supported } = fc.letrec<{ value: unknown; leaf: unknown }>((tie) => ({
  leaf: fc.oneof(
    fc.constantFrom(
      undefined,
      null,
      true,
      false,
      Number.NaN,
      -0,
      0,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
    ),
    fc.constantFrom('array', 'literal', 'undefined', '__proto__', '\ud800'),
    fc.string({ unit: 'binary' }),
    anyText,
    fc.double(),
    fc.bigInt(),
    fc.date({ noInvalidDate: false }),
    fc.uint8Array(),
  ),
  value: fc.oneof(
    { depthSize: 'xsmall', maxDepth: 5, withCrossShrink: true },
    tie('leaf'),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(name, tie('value'), { noNullPrototype: true, maxKeys: 5 }),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 4 }).map((entries) => new Map(entries)),
    fc.array(tie('value'), { maxLength: 5 }).map((items) => new Set(items)),
  ),
}))

describe('properties', () => {
  it('every supported value comes back the same, as a copy', () => {
    fc.assert(
      fc.property(supported, (value) => {
        const back = roundTrip(value)
        expect(same(back, value)).toBe(true)
        const originals = objectsIn(value)
        expect([...objectsIn(back)].filter((object) => originals.has(object))).toEqual([])
      }),
      { numRuns: 500 },
    )
  })

  it('encoding what came back gives the same bytes', () => {
    fc.assert(fc.property(supported, (value) => {
      expect(encodeResult(roundTrip(value))).toEqual(encodeResult(value))
    })) // biome-ignore format: one thought
  })

  it('any value at all is encoded or refused with RESULT_UNSERIALIZABLE', () => {
    const anything = fc.anything({
      withBigInt: true,
      withBoxedValues: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true,
    })
    fc.assert(
      fc.property(anything, (value) => {
        try {
          roundTrip(value)
        } catch (thrown) {
          expect(thrown).toMatchObject({ name: 'OnlyonceError', code: 'RESULT_UNSERIALIZABLE' })
        }
      }),
      { numRuns: 1_000 },
    )
  })
})
