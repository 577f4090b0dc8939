import { expect, it } from 'vitest'
import { systemRuntime } from './runtime.ts'
import { newUuid } from './uuid.ts'

it('is of version 4 and uses the token', () => {
  expect(newUuid({ token: () => '0123456789abcdef0123456789abcdef' })).toBe('01234567-89ab-4def-8123-456789abcdef')
  expect(newUuid({ token: () => 'f'.repeat(32) })).toBe('ffffffff-ffff-4fff-bfff-ffffffffffff')
  expect(newUuid({ token: () => '0'.repeat(32) })).toBe('00000000-0000-4000-8000-000000000000')
})

it('is another one each time', () => {
  expect(new Set(Array.from({ length: 1_000 }, () => newUuid(systemRuntime))).size).toBe(1_000)
})
