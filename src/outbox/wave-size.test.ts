import { expect, it } from 'vitest'
import { createWaveSize } from './wave-size.ts'

/** The limits of calls one after the other, of which those with more than `works` messages fail as a whole. */
function limits(calls: number, works: (limit: number, call: number) => boolean): number[] {
  const size = createWaveSize(500)
  return Array.from({ length: calls }, (_, call) => {
    const { limit } = size
    if (works(limit, call)) size.succeeded()
    else size.failed(limit)
    return limit
  })
}

it('comes back to the length that failed in small steps', () => {
  const seen = limits(53, (limit) => limit < 500)
  expect(seen.slice(0, 4)).toEqual([500, 250, 255, 260])
  expect(seen.slice(-4)).toEqual([490, 495, 500, 250])
})

it('after failures in a row it doubles up to half of the first', () => {
  const seen = limits(20, (_, call) => call >= 10)
  expect(seen).toEqual([500, 250, 125, 63, 32, 16, 8, 4, 2, 1, 1, 2, 4, 8, 16, 32, 64, 128, 250, 255])
})

it('finds a length that is far below', () => {
  expect(limits(8, (limit) => limit <= 100)).toEqual([500, 250, 125, 63, 126, 63, 68, 73])
})

it('never grows beyond the most', () => {
  expect(limits(3, () => true)).toEqual([500, 500, 500])
})
