import { expect, it } from 'vitest'
import { keyOfMetadata } from './key.ts'

it.each([
  ['8e03978e-40d5', '8e03978e-40d5'],
  ['"8e03"', '8e03'],
  ['"a \\"b\\" \\\\c"', 'a "b" \\c'],
  ['order:1100/x=y', 'order:1100/x=y'],
])('%s is the key %s', (value, key) => {
  expect(keyOfMetadata(value, 255)).toBe(key)
})

it.each(['', '""', 'a, b', 'a,b', 'a b', '"a', 'a"b', '"a"b', '"a\\x"', 'ключ', `"${'x'.repeat(600)}"`])(
  '%j is refused',
  (value) => {
    expect(() => keyOfMetadata(value, 255)).toThrow(/the key must be one value/)
  },
)
