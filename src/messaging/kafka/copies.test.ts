import { expect, it } from 'vitest'
import { sentOnce } from './copies.ts'
import { type HeldRecord, newPartition } from './partition.ts'

const held = (offset: bigint, { timestamp = '1', id = 'a' } = {}) =>
  ({
    ...{ partition: newPartition('t', 0), offset },
    record: { key: null, value: null, timestamp, offset: String(offset), headers: { 'onlyonce-id': id } },
  }) as unknown as HeldRecord

it('a message that comes again after a rebalance waits for the copy that is on its way', async () => {
  let arrive = () => {}
  let sent = 0
  const putAside = sentOnce(() => {
    sent++
    return new Promise((resolve) => {
      arrive = resolve
    })
  })
  const both = [putAside(held(3n), 'no'), putAside(held(3n), 'no')]
  arrive()
  await Promise.all(both)
  await putAside(held(3n), 'no')
  expect(sent).toBe(1)
})

it('a copy that failed is sent again', async () => {
  let tries = 0
  const putAside = sentOnce(() => (++tries === 1 ? Promise.reject(new Error('down')) : Promise.resolve()))
  await expect(putAside(held(3n), 'no')).rejects.toThrow('down')
  await putAside(held(3n), 'no')
  expect(tries).toBe(2)
})

it('another message is another copy, also at the same offset of a topic that was made anew', async () => {
  let sent = 0
  const putAside = sentOnce(async () => void sent++)
  for (const one of [held(3n), held(4n), held(3n, { timestamp: '2' }), held(3n, { id: 'b' })]) await putAside(one, 'no')
  expect(sent).toBe(4)
})

it('remembers the last ten thousand', async () => {
  const offsets: bigint[] = []
  const putAside = sentOnce(async ({ offset }) => void offsets.push(offset))
  for (let offset = 0n; offset < 10_001n; offset++) await putAside(held(offset), 'no')
  await putAside(held(10_000n), 'no')
  await putAside(held(0n), 'no')
  expect(offsets.slice(-2)).toEqual([10_000n, 0n])
})
