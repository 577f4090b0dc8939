import { expect, it } from 'vitest'
import { type HeldRecord, markText, parkedNow, progressFrom, redelivered } from './partition.ts'

const committed = (offset: string, metadata: string | null) => ({ partition: 0, offset, metadata })
const told = (progress: ReturnType<typeof progressFrom>, offsets: readonly bigint[]) =>
  offsets.map((offset) => redelivered({ progress, offset, seen: false } as HeldRecord))

it('knows what the group was given by its mark', () => {
  expect(told(progressFrom(3n, 20n, committed('3', 'onlyonce given=8')), [3n, 7n, 8n])).toEqual([true, true, false])
})

it.each([
  ['nothing is committed', committed('-1', null)],
  ['the group was told to begin anew', committed('-2', null)],
  ['somebody else committed', committed('3', 'mine')],
  ['nothing was found', undefined],
])('is sure of nothing that is in the log when %s', (_, found) => {
  expect(told(progressFrom(3n, 20n, found), [3n, 19n, 20n])).toEqual(['maybe', 'maybe', false])
})

it('hands on what it is not sure of, until that is behind', () => {
  const text = markText(8n, 20n)
  expect(told(progressFrom(3n, 40n, committed('3', text)), [7n, 8n, 19n, 20n])).toEqual([true, 'maybe', 'maybe', false])
  expect(markText(20n, 20n)).toBe('onlyonce given=20')
})

it('hands on what was put aside behind its position', () => {
  const before = progressFrom(3n, 20n, undefined)
  for (const offset of [2n, 4n, 17n]) before.parked.add(offset)
  const text = markText(8n, 20n, parkedNow(before))
  expect(text).toBe('onlyonce given=8 maybe=20 parked=3+1,14')
  expect([...progressFrom(3n, 20n, committed('3', text)).parked]).toEqual([4n, 17n])
  // Carried to another cluster, where the same messages have other offsets.
  expect([...progressFrom(1n, 20n, committed('1', text)).parked]).toEqual([])
})

it('hands on no more than Kafka takes with an offset', () => {
  const progress = progressFrom(3n, 20n, undefined)
  for (let offset = 10n ** 18n; progress.parked.size < 1_000; offset++) progress.parked.add(offset)
  const text = markText(8n, 20n, parkedNow(progress))
  expect(text.length).toBeGreaterThan(1_900)
  expect(text.length).toBeLessThan(2_100)
  expect(progressFrom(3n, 20n, committed('3', text)).parked.size).toBeGreaterThan(50)
})
