import { expect, it } from 'vitest'
import { createSeen } from './seen.ts'

it('knows the last of a partition, each by its last offset', () => {
  const seen = createSeen(4)
  seen.begin([{ partition: 0, low: 2, high: 9 }])
  expect([seen.position(0), seen.position(1)]).toEqual([5, undefined])
  for (const [offset, name] of [...'abac'].entries()) seen.add(0, 5 + offset, name)
  seen.pass(0, 9)
  expect([...'abcd'].map(seen.has)).toEqual([true, true, true, false])
  expect(seen.covers([{ partition: 0, low: 2, high: 9 }])).toBe(true)
  seen.add(0, 9, 'd')
  seen.pass(0, 11)
  // Now from 7 on: `a` came again there, `b` did not.
  expect([...'abcd'].map(seen.has)).toEqual([true, false, true, true])
})

it('what comes a second time after a rebalance, or of a partition nobody gave, changes nothing', () => {
  const seen = createSeen(Number.POSITIVE_INFINITY)
  seen.begin([{ partition: 0, low: 0, high: 3 }])
  seen.pass(0, 3)
  seen.begin([{ partition: 0, low: 0, high: 9 }])
  seen.add(0, 2, 'old')
  seen.pass(0, 1)
  seen.add(7, 0, 'other')
  seen.pass(7, 1)
  expect([seen.has('old'), seen.has('other'), [...seen.positions()]]).toEqual([false, false, [[0, 3]]])
})

it('goes on behind what was deleted before it was read', () => {
  const seen = createSeen(Number.POSITIVE_INFINITY)
  seen.begin([{ partition: 0, low: 0, high: 0 }])
  seen.add(0, 0, 'a')
  seen.pass(0, 1)
  const ends = [{ partition: 0, low: 8, high: 8 }]
  expect(seen.covers(ends)).toBe(false)
  seen.trim(ends)
  expect([seen.covers(ends), seen.has('a')]).toEqual([true, false])
})
