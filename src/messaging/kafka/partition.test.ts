import { expect, it } from 'vitest'
import { type HeldRecord, markText, progressFrom, redelivered } from './partition.ts'

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
