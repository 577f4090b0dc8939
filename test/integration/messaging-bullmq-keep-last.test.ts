import { Worker } from 'bullmq'
import { expect, it } from 'vitest'
import { publisher } from '../../src/messaging/bullmq.ts'
import { tidily } from '../support/leftovers.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { connectionOf, openDesk, QUICKLY } from './bullmq-helpers.ts'

const message = (id: string) => ({ id, topic: 'paid', body: Buffer.from('x'), headers: {} })

describeWith('redis', (url) => {
  it('a message that BullMQ may keep as the next one is not said to be refused', { timeout: 60_000 }, async () => {
    const { queue, name } = await openDesk(url)
    const send = publisher({ queue, job: () => ({ deduplication: { id: 'stock', keepLastIfActive: true } }) })
    const handled: string[] = []
    let finish = () => {}
    const finished = new Promise<void>((resolve) => {
      finish = resolve
    })
    const handle = async ({ data }: { data: { id: string } }) => {
      handled.push(data.id)
      if (data.id === 'a') await finished
    }
    const worker = new Worker(name, handle, { ...QUICKLY, connection: connectionOf(url) })
    tidily(worker, (one) => one.close())
    worker.on('error', () => {})
    expect(await send([message('a')])).toEqual([{ ok: true }])
    await until('the first is active', () => handled.length === 1)
    const answers = await send([message('b')])
    finish()
    expect(answers).toEqual([
      { ok: false, unknown: true, reason: expect.stringContaining('may keep it as the next one') },
    ])
    await until('the next one is handled', () => handled.length === 2)
    expect(handled).toEqual(['a', 'b'])
  })
})
