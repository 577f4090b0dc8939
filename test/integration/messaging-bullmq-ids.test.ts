import { Queue, Worker } from 'bullmq'
import { expect, it } from 'vitest'
import { processor } from '../../src/messaging/bullmq.ts'
import { tidily } from '../support/leftovers.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { connectionOf, openDesk, QUICKLY } from './bullmq-helpers.ts'

const LONG = { timeout: 60_000 }

describeWith('redis', (url) => {
  it('a number that two queues gave, or one queue twice, is not one message', LONG, async () => {
    const { once, queue, name, connection, work } = await openDesk(url)
    const seen: string[] = []
    const handle = ({ source }: { source: string }) => void seen.push(source)
    const handled = processor({ once, name: 'ledger', delivers: 'at-least-once', handle })
    work(handled)
    const other = tidily(new Queue(`${name}-2`, { connection }), (one) => one.close())
    const options = { ...QUICKLY, connection: connectionOf(url) }
    const worker = tidily(new Worker(other.name, handled, options), (one) => one.close())
    worker.on('error', () => {})
    const first = await queue.add('hourly', {})
    expect((await other.add('hourly', {})).id).toBe(first.id)
    await until('both are handled', () => seen.length === 2)
    await until(
      'both are over',
      async () => (await queue.getCompletedCount()) + (await other.getCompletedCount()) === 2,
    )
    // As after a flush: BullMQ begins to count anew.
    await queue.obliterate({ force: true })
    expect((await queue.add('hourly', {})).id).toBe(first.id)
    await until('the third is handled', () => seen.length === 3)
    expect(seen.sort()).toEqual([name, name, other.name])
  })

  it('jobs of schedulers with one name in two queues are two messages', LONG, async () => {
    const { once, queue, name, connection, work } = await openDesk(url)
    const seen: string[] = []
    const handle = ({ id }: { id: string }) => void seen.push(id)
    const handled = processor({ once, name: 'ledger', delivers: 'at-least-once', handle })
    const other = tidily(new Queue(`${name}-2`, { connection }), (one) => one.close())
    // Both queues have the job of the same moment.
    const startDate = Date.now() + 8_000
    const first = await queue.upsertJobScheduler('hourly', { every: 3_600_000, startDate })
    expect((await other.upsertJobScheduler('hourly', { every: 3_600_000, startDate }))?.id).toBe(first?.id)
    work(handled)
    const options = { ...QUICKLY, connection: connectionOf(url) }
    const worker = tidily(new Worker(other.name, handled, options), (one) => one.close())
    worker.on('error', () => {})
    await until('both are handled', () => seen.length === 2)
    expect(seen.sort()).toEqual([`bull:${name}-2:${first?.id}`, `bull:${name}:${first?.id}`])
  })
  it('a job of which nothing but its id is left is no message', LONG, async () => {
    const { once, queue, name, connection, publish, work } = await openDesk(url)
    const seen: string[] = []
    // As after an eviction while the job runs: BullMQ finds the id without a lock, and hands it out again.
    const handle = async ({ id }: { id: string }) => {
      seen.push(id)
      if (id === 'a') await connection.del(`bull:${name}:o-a`)
    }
    work(processor({ once, name: 'ledger', delivers: 'at-least-once', handle }))
    await publish(['a'])
    await until(
      'what is left is over',
      async () => (await queue.getFailedCount()) + (await queue.getCompletedCount()) > 0,
    )
    expect(seen).toEqual(['a'])
    expect((await queue.getJob('o-a'))?.failedReason).toContain('nothing of it is left but its id')
  })
})
