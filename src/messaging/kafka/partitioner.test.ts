import { Partitioners } from 'kafkajs'
import { expect, it } from 'vitest'
import { partitionOf } from './partitioner.ts'

it('chooses as kafkajs does', () => {
  const theirs = Partitioners.DefaultPartitioner()
  const keys = Array.from({ length: 500 }, (_, i) => `${'é'.repeat(i % 3)}${'key'.repeat(i % 7).slice(i % 4)}${i ** 3}`)
  for (const key of ['', 'a', ...keys]) {
    for (const count of [1, 3, 12, 100]) {
      const partitionMetadata = Array.from({ length: count }, (_, partitionId) => ({ partitionId, leader: 1 }))
      const message = { key, value: '' }
      expect(partitionOf(key, count), key).toBe(theirs({ topic: 't', partitionMetadata, message } as never))
    }
  }
})
