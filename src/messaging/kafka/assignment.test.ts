import { expect, it } from 'vitest'
import { fakeRuntime } from '../../testing/fake-runtime.ts'
import { createAssignment } from './assignment.ts'
import type { KafkaBatch, KafkaOffsets } from './client.ts'
import type { HeldRecord } from './partition.ts'

const PLACE = { topic: 't', partition: 0 }

/** An assignment of one partition, with what it does to the client. */
function assigned(committed = '-1', metadata: string | null = null) {
  const runtime = fakeRuntime()
  const held: HeldRecord[] = []
  const commits: number[] = []
  const notes: (string | undefined)[] = []
  const sought: number[] = []
  const failures: string[] = []
  const told: ((event: { readonly payload: unknown }) => void)[] = []
  const client = {
    seek: ({ offset }: { offset: string }) => void sought.push(Number(offset)),
    pause() {},
    resume() {},
    on: (event: string, listener: (typeof told)[number]) =>
      event === 'consumer.end_batch_process' && told.push(listener),
  }
  const found = [{ topic: 't', partitions: [{ partition: 0, offset: committed, metadata }] }]
  const assignment = createAssignment(
    client,
    { fetchOffsets: async () => found },
    {
      ...{ groupId: 'g', limit: 500, order: 'key', runtime },
      onRecord: (one) => void held.push(one),
      onLost() {},
      onFailure: (error) => void failures.push(String(error)),
    },
  )
  assignment.begin({ t: [0] })
  const highWatermark = '100'
  return {
    ...{ held, commits, notes, sought, failures },
    /** A batch that was fetched from `from` and has these messages. */
    async hand(from: number, ...offsets: number[]) {
      const messages = offsets.map((offset) => ({ key: null, value: null, timestamp: '-1', offset: String(offset) }))
      const ends = { firstOffset: () => String(offsets[0]), lastOffset: () => String(offsets.at(-1)) }
      const batch: KafkaBatch = { ...PLACE, highWatermark, messages, fetchedOffset: String(from), ...ends }
      const commitOffsetsIfNecessary = async ({ topics }: KafkaOffsets) => {
        commits.push(Number(topics[0]?.partitions[0]?.offset))
        notes.push(topics[0]?.partitions[0]?.metadata)
      }
      await assignment.take({ batch, resolveOffset() {}, heartbeat: async () => {}, commitOffsetsIfNecessary })
    },
    /** What the client says of a fetch that has nothing but aborted records and marks. */
    async passOver(firstOffset: string | null, lastOffset: string, batchSize = 0) {
      const payload = { ...PLACE, batchSize, firstOffset, lastOffset, highWatermark }
      for (const tell of told) tell({ payload })
      await runtime.advance(0)
    },
    async settle(...offsets: number[]) {
      for (const one of held) {
        if (!one.isOurs() || !offsets.includes(Number(one.offset))) continue
        one.progress.watermark.settle(one.offset)
        assignment.settled(one.partition)
      }
      await runtime.advance(60)
    },
    ours: () => held.filter((one) => one.isOurs()).map(({ offset }) => Number(offset)),
  }
}

it('keeps what it holds when what follows is gone, and does not commit past it', async () => {
  const { hand, settle, ours, sought, failures, commits } = assigned()
  await hand(0, 0, 1, 2)
  await hand(7, 7)
  expect([sought, failures, ours()]).toEqual([[3], [], [0, 1, 2]])
  await hand(7, 7)
  expect(failures).toEqual([expect.stringContaining('t/0: messages from offset 3 are gone, consuming from 7')])
  expect(ours()).toEqual([0, 1, 2, 7])
  await settle(1, 2, 7)
  expect(Math.max(...commits)).toBe(0)
  await settle(0)
  expect(commits.at(-1)).toBe(8)
  await hand(8, 8)
  expect([sought, failures.length, ours()]).toEqual([[3], 1, [0, 1, 2, 7, 8]])
})

it('commits anew where it is when something was gone: the client may have committed its default', async () => {
  const { hand, settle, commits } = assigned()
  await hand(0, 0)
  await hand(7, 7)
  await settle()
  const before = commits.length
  await hand(7, 7)
  await settle()
  expect(commits.slice(before)).toEqual([0])
})

it('begins behind what is gone when it holds nothing', async () => {
  const { hand, settle, ours, failures, commits } = assigned('2')
  await hand(6, 6)
  await hand(6, 6)
  expect(failures).toEqual([expect.stringContaining('messages from offset 2 are gone, consuming from 6')])
  expect(ours()).toEqual([6])
  await settle(6)
  expect(commits.at(-1)).toBe(7)
})

it('forgets what it holds when the topic was made anew', async () => {
  const { hand, settle, ours, failures, commits } = assigned('50')
  await hand(50, 50)
  await hand(0, 0, 1)
  expect(ours()).toEqual([50])
  await hand(0, 0, 1)
  expect(failures).toEqual([expect.stringContaining('messages from offset 51 are gone, consuming from 0')])
  expect(ours()).toEqual([0, 1])
  await settle(0, 1)
  expect(commits.at(-1)).toBe(2)
})

it.each([
  ['one fetch', [['3', '6']]],
  [
    'several fetches',
    [
      ['3', '4'],
      ['5', '6'],
    ],
  ],
  [
    'a fetch that was compacted away',
    [
      ['3', '5'],
      [null, '6'],
    ],
  ],
] as const)('goes on behind aborted records: %s', async (_, fetches) => {
  const { hand, passOver, settle, ours, sought, failures, commits } = assigned()
  await hand(0, 0, 1, 2)
  for (const [first, last] of fetches) await passOver(first, last)
  await hand(7, 7)
  expect([sought, failures, ours()]).toEqual([[], [], [0, 1, 2, 7]])
  await settle(1, 2, 7)
  expect(Math.max(...commits)).toBe(0)
})

it('commits behind aborted records when nothing is held, also where the group begins', async () => {
  const { hand, passOver, settle, ours, sought, commits } = assigned('3')
  await passOver('3', '6')
  await hand(7, 7)
  expect([sought, ours()]).toEqual([[], [7]])
  await settle(7)
  await passOver('8', '9')
  await settle()
  expect(commits.at(-1)).toBe(10)
})

it('passes over nothing that it was not told of', async () => {
  const { hand, passOver, sought } = assigned()
  await hand(0, 0, 1, 2)
  await passOver('4', '6')
  await passOver('3', '6', 2)
  await hand(7, 7)
  expect(sought).toEqual([3])
})

it('passes over what was put aside behind the position, and hands that on', async () => {
  const { held, hand, settle, ours, commits, notes } = assigned('3', 'onlyonce given=2000 parked=3+1,3')
  await hand(3, 3, 4, 5, 6, 7)
  expect(ours()).toEqual([3, 5, 7])
  await settle(5)
  expect(commits).toEqual([])
  held.at(-1)?.progress.parked.add(7n)
  await settle(7)
  expect([commits, notes]).toEqual([[3], ['onlyonce given=2000 parked=3+1,3,4']])
  await settle(3)
  expect([commits.at(-1), notes.at(-1)]).toEqual([8, 'onlyonce given=2000'])
})
