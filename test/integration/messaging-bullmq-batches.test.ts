import { expect, it } from 'vitest'
import { processor } from '../../src/messaging/bullmq.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { openDesk } from './bullmq-helpers.ts'
import { names } from './ledger.ts'
import { record } from './ledger-store.ts'

describeWith('redis', (url) => {
  it('jobs share batches; one that never works is put aside, and the others take effect once', {
    timeout: 60_000,
  }, async () => {
    const { once, queue, publish, work, effects } = await openDesk(url)
    const ids = names('m', 60)
    await publish([...ids, 'poison', 'loner'])
    const sizes: number[] = []
    const handle = processor({
      ...{ once, name: 'ledger', delivers: 'exactly-once-effect' },
      ...{ backoffMs: 20, maxBackoffMs: 100, maxAttempts: 3 },
      batch: { maxSize: 16, maxWaitMs: 50 },
      handle(messages, tx) {
        for (const { id } of messages) {
          record(id, tx)
          if (id === 'poison') throw new Error('never works')
          if (id === 'loner' && messages.length > 1) throw new Error('not in company')
        }
        sizes.push(messages.length)
      },
    })
    work(handle, { concurrency: 16 })
    await until('all are over', async () => (await queue.getCompletedCount()) + (await queue.getFailedCount()) === 62)
    expect((await effects()).toSorted()).toEqual([...ids, 'loner'].toSorted())
    expect((await queue.getFailed()).map(({ failedReason }) => failedReason)).toEqual(['never works'])
    expect(Math.max(...sizes)).toBeGreaterThan(4)
  })
})
