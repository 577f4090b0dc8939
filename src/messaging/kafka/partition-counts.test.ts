import { expect, it } from 'vitest'
import { fakeRuntime } from '../../testing/fake-runtime.ts'
import { createPartitionCounts } from './partition-counts.ts'

function opened() {
  const runtime = fakeRuntime()
  const cluster = { count: 2, isDown: false, asked: 0, open: 0 }
  const admin = () => ({
    async connect() {
      if (cluster.isDown) throw new Error('down')
      cluster.open++
    },
    disconnect: async () => void cluster.open--,
    async fetchTopicMetadata() {
      cluster.asked++
      return { topics: [{ partitions: Array.from({ length: cluster.count }) }] }
    },
  })
  return { runtime, cluster, counts: createPartitionCounts({ admin } as never, runtime) }
}

it('asks for a topic once a minute', async () => {
  const { runtime, cluster, counts } = opened()
  expect([await counts.of('t'), await counts.of('t')]).toEqual([2, 2])
  cluster.count = 3
  await runtime.advance(59_000)
  expect([await counts.of('t'), cluster.asked]).toEqual([2, 1])
  await runtime.advance(1_000)
  expect([await counts.of('t'), cluster.asked]).toEqual([3, 2])
})

it('asks anew for one that was forgotten', async () => {
  const { cluster, counts } = opened()
  await counts.of('t')
  cluster.count = 3
  counts.forget('t')
  expect(await counts.of('t')).toBe(3)
})

it('has one admin, made anew where it could not be connected', async () => {
  const { cluster, counts } = opened()
  cluster.isDown = true
  await expect(counts.of('t')).rejects.toThrow('down')
  cluster.isDown = false
  cluster.open = 0
  await Promise.all([counts.of('t'), counts.of('u')])
  expect(cluster.open).toBe(1)
  await counts.close()
  expect(cluster.open).toBe(0)
})
