import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createWatermark } from './watermark.ts'

it('stands before the first message that is not settled', () => {
  const mark = createWatermark(5n)
  for (const offset of [5n, 6n, 9n]) mark.take(offset)
  expect([mark.position, mark.next, mark.held]).toEqual([5n, 10n, 3])
  mark.settle(6n)
  expect(mark.position).toBe(5n)
  mark.settle(5n)
  expect(mark.position).toBe(9n)
  mark.settle(9n)
  expect([mark.position, mark.held]).toEqual([10n, 0])
})

it('passes what holds no message, once everything before it is settled', () => {
  const mark = createWatermark(0n)
  mark.take(0n)
  mark.pass(4n)
  expect([mark.position, mark.next]).toEqual([0n, 4n])
  mark.settle(0n)
  expect(mark.position).toBe(4n)
})

it('ignores what it does not know', () => {
  const mark = createWatermark(3n)
  mark.take(2n)
  mark.settle(7n)
  mark.pass(1n)
  expect([mark.position, mark.next, mark.held]).toEqual([3n, 3n, 0])
  mark.take(3n)
  mark.settle(3n)
  mark.settle(3n)
  expect([mark.position, mark.held]).toEqual([4n, 0])
})

it('property: whatever the gaps and the order, it is the lowest unsettled offset, and never falls', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('take' as const), gap: fc.integer({ min: 0, max: 3 }) }),
    fc.record({ kind: fc.constant('pass' as const), gap: fc.integer({ min: 0, max: 3 }) }),
    fc.record({ kind: fc.constant('settle' as const), which: fc.nat() }),
  )
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 62n }), fc.array(step, { maxLength: 200 }), (start, steps) => {
      const mark = createWatermark(start)
      const open = new Set<bigint>()
      let next = start
      let before = start
      for (const one of steps) {
        if (one.kind === 'take') {
          const offset = next + BigInt(one.gap)
          mark.take(offset)
          open.add(offset)
          next = offset + 1n
        } else if (one.kind === 'pass') {
          next += BigInt(one.gap)
          mark.pass(next)
        } else {
          const offset = [...open][one.which % Math.max(1, open.size)]
          if (offset !== undefined) {
            mark.settle(offset)
            open.delete(offset)
          }
        }
        // Taken in ascending order.
        const lowest = [...open][0] ?? next
        expect([mark.position, mark.next, mark.held]).toEqual([lowest, next, open.size])
        expect(mark.position >= before).toBe(true)
        before = mark.position
      }
    }),
  )
})

it('keeps no trace of the many it has settled', () => {
  const mark = createWatermark(0n)
  for (let i = 0n; i < 100_000n; i++) {
    mark.take(i)
    if (i >= 100n) mark.settle(i - 100n)
  }
  expect([mark.position, mark.held]).toEqual([99_900n, 100])
})
