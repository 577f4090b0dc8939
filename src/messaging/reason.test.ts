import { expect, it } from 'vitest'
import { reasonWithin } from './reason.ts'

it('keeps a reason that fits, in one line', () => {
  expect(reasonWithin(11, ' never\r\nworks')).toBe('never works')
})

it.each([0, 2, 3, 4, 5, 6, 7, 8, 9, 50])('cuts a reason to %i bytes, and no character in half', (limit) => {
  const cut = reasonWithin(limit, 'aü😀'.repeat(20)) ?? ''
  expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(limit)
  expect('aü😀'.repeat(20).startsWith(cut)).toBe(true)
  if (limit > 6) expect(cut).not.toBe('')
})

it('is nothing without room, or without a reason', () => {
  expect(reasonWithin(-5, 'x')).toBeUndefined()
  expect(reasonWithin(100, '\n')).toBeUndefined()
})
