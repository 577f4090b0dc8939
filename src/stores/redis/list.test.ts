import { expect, it } from 'vitest'
import { OnlyonceError } from '../../core/errors.ts'
import type { ObservedRecord, OperationId } from '../../core/record.ts'
import type { ListQuery } from '../../core/store.ts'
import { list } from './list.ts'
import type { RedisPort } from './port.ts'

const idOf = (nth: number) => nth.toString(16).padStart(32, '0')
/** In an order of its own, as SCAN has. */
const shuffled = (count: number) => Array.from({ length: count }, (_, nth) => idOf((nth * 7_919) % count))

function server(ids: readonly OperationId[], damaged?: OperationId) {
  let walks = 0
  let read = 0
  const send = async (words: readonly unknown[]) => {
    const at = Number(words[1])
    if (at === 0) walks++
    const next = at + 1_000
    return [next < ids.length ? String(next) : '0', ids.slice(at, next).map((id) => `p:{${id}}`)]
  }
  const port = { isCluster: false, nodes: async () => [{ name: 'one', send }] } as unknown as RedisPort
  const find = async (asked: readonly OperationId[]) => {
    if (damaged !== undefined && asked.includes(damaged)) throw new OnlyonceError('OUTCOME_UNKNOWN', 'it is damaged')
    read += asked.length
    return asked.map((id) => ({ id, state: 'done' }) as ObservedRecord)
  }
  return {
    list: async (query: ListQuery) => {
      const { items, next } = await list(port, 'p:{*}', query, find)
      return { ids: items.map(({ id }) => id), next }
    },
    counts: () => ({ walks, read }),
  }
}

it('looks for what is rare in one walk over all keys', async () => {
  const { list, counts } = server(shuffled(300_001))
  expect(await list({ state: 'running', limit: 10 })).toEqual({ ids: [], next: undefined })
  expect(counts()).toEqual({ walks: 1, read: 300_001 })
})

it('reads few records for a page of many', async () => {
  const { list, counts } = server(shuffled(100_003))
  expect(await list({ state: 'done', limit: 3, after: idOf(9) })).toEqual({
    ids: [idOf(10), idOf(11), idOf(12)],
    next: idOf(12),
  })
  expect(counts().walks).toBe(1)
  expect(counts().read).toBeLessThan(10_000)
})

it('names a next page where there is one, and gives a key that came twice once', async () => {
  const { list } = server([idOf(2), idOf(1), idOf(2), idOf(1)])
  expect(await list({ limit: 2 })).toEqual({ ids: [idOf(1), idOf(2)], next: undefined })
  expect(await list({ limit: 1 })).toEqual({ ids: [idOf(1)], next: idOf(1) })
})

it('a record that cannot be read fails the page that it would be on, and no other', async () => {
  const { list } = server(shuffled(10), idOf(5))
  expect((await list({ limit: 4 })).ids).toHaveLength(4)
  await expect(list({ limit: 6 })).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
  expect((await list({ limit: 9, after: idOf(5) })).ids).toHaveLength(4)
})
