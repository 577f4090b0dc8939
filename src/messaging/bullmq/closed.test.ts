import { expect, it } from 'vitest'
import { setup } from '../../../test/inbox-kit.ts'
import { processor } from '../bullmq.ts'

const job = {
  ...{ id: '1', name: 'paid', data: { cents: 100 }, queueName: 'paid', queueQualifiedName: 'bull:paid' },
  timestamp: 1_750_000_000_000,
  ...{ attemptsStarted: 1, stalledCounter: 0, updateData: async () => {}, moveToDelayed: async () => {} },
}

/** One job is handled until `finish`, and the worker is being stopped. */
async function stopping(close: () => Promise<unknown>) {
  const { runtime, once } = setup()
  let finish: () => void = () => {}
  const handling = new Promise<void>((resolve) => {
    finish = resolve
  })
  const failures: unknown[] = []
  const handled = processor({
    ...{ once, name: 'coupons', delivers: 'at-least-once' },
    handle: () => handling,
    onEvent: (event) => void (event.type === 'broker-failed' && failures.push(event.error)),
  })
  const done = handled(job)
  await runtime.advance(1)
  let isStopped = false
  void handled.stop({ close }).then(() => {
    isStopped = true
  })
  return { runtime, failures, done, finish, isStopped: () => isStopped }
}

it('a stop whose close BullMQ never ends waits for the handler, and 5 seconds more', async () => {
  const { runtime, failures, done, finish, isStopped } = await stopping(() => new Promise(() => {}))
  await runtime.advance(10_000)
  expect(isStopped()).toBe(false)
  finish()
  await done
  await runtime.advance(4_900)
  expect(isStopped()).toBe(false)
  await runtime.advance(200)
  expect(isStopped()).toBe(true)
  expect(failures).toEqual([expect.objectContaining({ message: expect.stringContaining('within 5000 ms') })])
})

it('a stop ends with the close of its worker, whatever another one still handles', async () => {
  const { runtime, failures, isStopped } = await stopping(async () => {})
  await runtime.advance(0)
  expect(isStopped()).toBe(true)
  expect(failures).toEqual([])
})

it('a close that fails is told, and the stop ends', async () => {
  const { runtime, failures, isStopped } = await stopping(() => Promise.reject(new Error('no such worker')))
  await runtime.advance(0)
  expect(isStopped()).toBe(true)
  expect(failures).toEqual([new Error('no such worker')])
})

it('says that a stop needs the worker', async () => {
  const { once } = setup()
  const handled = processor({ once, name: 'coupons', delivers: 'at-least-once', handle: () => {} })
  const stop = handled.stop as (worker?: unknown) => Promise<void>
  await expect(stop()).rejects.toThrow(/`worker` is required: `stop\(worker\)`.*got undefined/)
})
