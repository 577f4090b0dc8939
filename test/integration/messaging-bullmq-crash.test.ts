import { spawn } from 'node:child_process'
import { Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { expect, it } from 'vitest'
import { processor } from '../../src/messaging/bullmq.ts'
import { outbox } from '../../src/outbox/outbox.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { bundled } from '../support/bundle.ts'
import { tidily } from '../support/leftovers.ts'
import { createProxy } from '../support/proxy.ts'
import { describeWith, describeWithFresh } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { openDesk, QUICKLY } from './bullmq-helpers.ts'
import { names, openLedger } from './ledger.ts'
import { record } from './ledger-store.ts'
import { attemptsBeside, workers } from './workers.ts'

const LONG = { timeout: 150_000 }
const rules = { name: 'ledger', delivers: 'exactly-once-effect', backoffMs: 20, maxBackoffMs: 100 } as const

describeWith('redis', (url) => {
  it('workers that are killed leave each effect once; the message that kills them is put aside', LONG, async () => {
    const { name, queue, path, publish, effects } = await openDesk(url)
    const ids = names('m', 40)
    await publish([...ids.slice(0, 20), 'killer', ...ids.slice(20)])
    const kills = 2
    const maxAttempts = attemptsBeside(kills)
    await workers('bullmq-worker', ['consume', url, name, path, String(maxAttempts)], { kills })
    await until('all are over', async () => {
      expect((await queue.getFailed()).flatMap(({ id }) => (id === 'o-killer' ? [] : [id]))).toEqual([])
      return (await queue.getFailedCount()) === 1 && (await queue.getCompletedCount()) === ids.length
    })
    expect((await effects()).toSorted()).toEqual(ids)
    const [failed] = await queue.getFailed()
    expect([failed?.id, failed?.failedReason]).toEqual(['o-killer', expect.stringMatching(/started \d+ times/)])
    expect(Number(/\d+/.exec(failed?.failedReason ?? '')?.[0])).toBeGreaterThanOrEqual(maxAttempts)
  })

  it('a relay that dies between sending and writing it down sends again, and one job is added', LONG, async () => {
    const { name, queue, once, work, effects } = await openDesk(url)
    const { store, path } = await openLedger()
    const worker = await bundled('test/integration/bullmq-worker.ts')
    const ids = names('m', 5)
    const box = outbox(store)
    await store.transaction((tx) =>
      box.add(
        tx,
        ids.map((id) => ({ id, topic: 'paid', body: `body of ${id}` })),
      ),
    )
    const signals: unknown[] = []
    for (let i = 0; i < 2; i++) {
      const child = spawn(process.execPath, [worker, 'relay', url, name, path], { stdio: 'inherit' })
      tidily(child, (one) => one.kill('SIGKILL'))
      signals.push(await new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal))))
    }
    expect(signals).toEqual(['SIGKILL', null])
    expect(await queue.count()).toBe(5)
    work(processor({ ...rules, once, handle: ({ id }, tx) => void record(id, tx) }))
    await until('all are complete', async () => (await queue.getCompletedCount()) === 5)
    expect((await effects()).toSorted()).toEqual(ids)
  })

  it('connections that are cut lead to no second effect, and nothing is lost', LONG, async () => {
    const { name, queue, once, publish, effects } = await openDesk(url)
    const proxy = tidily(await createProxy(Number(new URL(url).port)), (one) => one.close())
    const connection = new Redis(`redis://127.0.0.1:${proxy.port}`, {
      maxRetriesPerRequest: null,
      retryStrategy: () => 100,
    })
    connection.on('error', () => {})
    tidily(connection, (one) => one.disconnect())
    const ids = names('m', 40)
    await publish(ids)
    let began = 0
    const handle = async ({ id }: { id: string }, tx: SqliteTx) => {
      if (++began % 10 === 0) proxy.dropReplies(2)
      await sleepMs(5)
      record(id, tx)
    }
    const handled = processor({ ...rules, once, handle })
    const worker = new Worker(name, handled, { ...QUICKLY, connection, concurrency: 4, runRetryDelay: 200 })
    worker.on('error', () => {})
    tidily(worker, () => handled.stop(worker))
    await until('all are complete', async () => (await queue.getCompletedCount()) === ids.length)
    expect((await effects()).toSorted()).toEqual(ids)
  })
})

describeWith('redis', (url) => {
  it('a stop behind a Redis that is gone waits for what runs, and ends', LONG, async () => {
    const { name, queue, once, publish, work, effects } = await openDesk(url)
    const proxy = tidily(await createProxy(Number(new URL(url).port)), (one) => one.close())
    const connection = new Redis(`redis://127.0.0.1:${proxy.port}`, {
      maxRetriesPerRequest: null,
      retryStrategy: () => 1_000,
    })
    connection.on('error', () => {})
    tidily(connection, (one) => one.disconnect())
    await publish(['a'])
    const failures: string[] = []
    let began = false
    let goOn: () => void = () => {}
    const gate = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const handled = processor({
      ...{ ...rules, once },
      async handle({ id }, tx) {
        began = true
        await gate
        record(id, tx)
      },
      onEvent: (event) => void (event.type === 'broker-failed' && failures.push(String(event.error))),
    })
    const worker = new Worker(name, handled, { ...QUICKLY, connection, runRetryDelay: 200 })
    worker.on('error', () => {})
    await until('it began', () => began)
    proxy.cut()
    await until('nothing is connected', () => proxy.connections === 0)
    const stopped = handled.stop(worker).then(() => 'stopped')
    const soon = (ms: number) => Promise.race([stopped, sleepMs(ms).then(() => 'still stopping')])
    // Longer than an end waits for BullMQ: a handler has no such limit.
    expect(await soon(6_000)).toBe('still stopping')
    goOn()
    expect(await soon(30_000)).toBe('stopped')
    expect(await effects()).toEqual(['a'])
    expect(failures.join()).toContain('did not close')
    work(processor({ ...rules, once, handle: ({ id }, tx) => void record(id, tx) }))
    await until('it is complete', async () => (await queue.getCompletedCount()) === 1)
    expect(await effects()).toEqual(['a'])
  })
})

describeWithFresh('redis-aof', (start) => {
  it('goes on after Redis was killed, and every effect is there once', LONG, async () => {
    const redis = tidily(await start(), (one) => one.stop())
    const { queue, once, publish, work, effects } = await openDesk(redis.url)
    const ids = names('m', 60)
    await publish(ids)
    const handle = async ({ id }: { id: string }, tx: SqliteTx) => {
      await sleepMs(20)
      record(id, tx)
    }
    work(processor({ ...rules, once, handle }), { concurrency: 2, runRetryDelay: 200 })
    for (const some of [5, 25]) {
      await until('some took effect', async () => (await effects()).length > some)
      await redis.restart('immediate')
    }
    await until('all are complete', async () => (await queue.getCompletedCount().catch(() => 0)) === ids.length)
    expect((await effects()).toSorted()).toEqual(ids)
  })
})
