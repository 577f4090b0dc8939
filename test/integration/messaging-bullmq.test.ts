import { expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { type ConsumerEvent, jobData, processor, publisher, Unprocessable } from '../../src/messaging/bullmq.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { openDesk } from './bullmq-helpers.ts'
import { names } from './ledger.ts'
import { record } from './ledger-store.ts'

const LONG = { timeout: 60_000 }
const rules = { name: 'ledger', delivers: 'exactly-once-effect', backoffMs: 20, maxBackoffMs: 100 } as const
const recordIt = ({ id }: { id: string }, tx: SqliteTx) => void record(id, tx)

describeWith('redis', (url) => {
  it('a message that is added twice takes effect once, under one job or under two', LONG, async () => {
    const { once, queue, publish, work, effects } = await openDesk(url)
    await publish(['a', 'b:c', '17', 'a'])
    expect(await queue.count()).toBe(3)
    await queue.add('paid', jobData({ id: 'a', body: 'body of a' }))
    const settled: string[] = []
    const onEvent = (event: ConsumerEvent) =>
      void (event.type === 'settled' && settled.push(`${event.delivery.id} ${event.verdict.kind}`))
    work(processor({ ...rules, once, handle: recordIt, onEvent }))
    await until('all are settled', () => settled.length === 4)
    expect(settled.toSorted()).toEqual(['17 ack', 'a ack', 'a ack', 'b:c ack'])
    expect((await effects()).toSorted()).toEqual(['17', 'a', 'b:c'])
    await until('all are complete', async () => (await queue.getCompletedCount()) === 4)
    await publish(['a'])
    expect(await queue.count()).toBe(0)
  })

  it('one that fails comes again and uses up no attempt; one that always fails is put aside', LONG, async () => {
    const { once, queue, work, effects } = await openDesk(url)
    const data = (id: string) => jobData({ id, body: `body of ${id}` })
    for (const id of ['bad', 'shaky', 'good', 'refused']) {
      await queue.add('paid', data(id), { jobId: `o-${id}`, attempts: 5 })
    }
    const starts: string[] = []
    const verdicts: string[] = []
    const errors: unknown[] = []
    const handle = ({ id, redelivered }: { id: string; redelivered: boolean }, tx: SqliteTx) => {
      starts.push(id)
      record(id, tx)
      if (id === 'bad') throw new Error('never works')
      if (id === 'refused') throw new Unprocessable('no such customer')
      if (id === 'shaky' && !redelivered) throw new Error('not yet')
    }
    const onEvent = (event: ConsumerEvent) =>
      void (event.type === 'settled' && verdicts.push(`${event.delivery.id} ${event.verdict.kind}`))
    const worker = work(processor({ ...rules, once, maxAttempts: 3, handle, onEvent }))
    worker.on('error', (error) => errors.push(error))
    await until('all are over', async () => (await queue.getCompletedCount()) + (await queue.getFailedCount()) === 4)
    expect(verdicts.toSorted()).toEqual([
      ...['bad dead-letter', 'bad retry', 'bad retry', 'good ack'],
      ...['refused dead-letter', 'shaky ack', 'shaky retry'],
    ])
    expect(errors).toEqual([])
    expect((await effects()).toSorted()).toEqual(['good', 'shaky'])
    expect(starts.filter((id) => id === 'bad')).toHaveLength(3)
    expect((await queue.getJob('o-shaky'))?.attemptsMade).toBe(1)
    const failed = (await queue.getFailed()).sort((a, b) => (String(a.id) < String(b.id) ? -1 : 1))
    const labelled = (id: string, reason: string) => {
      const labels = { 'onlyonce-consumer': 'ledger', 'onlyonce-source': queue.name, 'onlyonce-reason': reason }
      return { ...data(id), headers: labels }
    }
    expect(failed.map(({ data, failedReason }) => [data, failedReason])).toEqual([
      [labelled('bad', 'never works'), 'never works'],
      [labelled('refused', 'no such customer'), 'no such customer'],
    ])
  })

  it('a copy of what another worker runs waits, uses up no attempt, and does not run', LONG, async () => {
    const { once, store, queue, work, effects } = await openDesk(url)
    for (let i = 0; i < 2; i++) await queue.add('paid', jobData({ id: 'a', body: 'x' }))
    let open: () => void = () => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const verdicts: string[] = []
    const onEvent = (event: ConsumerEvent) => void (event.type === 'settled' && verdicts.push(event.verdict.kind))
    const handle = async ({ id }: { id: string }) => {
      await gate
      await store.transaction(async (tx) => record(id, tx))
    }
    const options = { once, name: 'ledger', delivers: 'at-least-once', holdMs: 100, handle, onEvent } as const
    work(processor(options), { concurrency: 1 })
    work(processor(options), { concurrency: 1 })
    await until('the copy was sent back', () => verdicts.length > 0)
    open()
    await until('both are complete', async () => (await queue.getCompletedCount()) === 2)
    expect(verdicts.filter((kind) => kind !== 'retry')).toEqual(['ack', 'ack'])
    expect(await effects()).toEqual(['a'])
    expect((await queue.getCompleted()).map(({ attemptsMade }) => attemptsMade)).toEqual([1, 1])
  })

  it('a job that stalls while it is handled runs on elsewhere, and there is one effect', LONG, async () => {
    const { once, store, queue, publish, work, effects } = await openDesk(url)
    await publish(['a'])
    let open: () => void = () => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    let started = 0
    const handle = async ({ id }: { id: string }) => {
      started++
      await gate
      await store.transaction(async (tx) => record(id, tx))
    }
    const settled: string[] = []
    const onEvent = (event: ConsumerEvent) => void (event.type === 'settled' && settled.push(event.verdict.kind))
    const options = { once, name: 'ledger', delivers: 'at-least-once', handle, onEvent } as const
    // As a process that is too busy to renew its locks.
    const busy = work(processor(options), { skipLockRenewal: true, skipStalledCheck: true, concurrency: 1 })
    let stalled = false
    await until('it began', () => started === 1)
    work(processor(options)).on('stalled', () => {
      stalled = true
    })
    await until('it stalled', () => stalled)
    open()
    await until('both are settled', () => settled.length === 2)
    await until('it is complete', async () => (await queue.getCompletedCount()) === 1)
    await busy.close()
    expect(started).toBe(1)
    expect(await effects()).toEqual(['a'])
  })

  it('any job can be handled: it is known by its job id, and broken ones are put aside', LONG, async () => {
    const { once, queue, send, work } = await openDesk(url)
    const big = Buffer.alloc(2 ** 20, 200)
    await queue.add('plain', { customer: 'ann' }, { jobId: 'ann-1' })
    await queue.add('empty', undefined, { jobId: 'empty-1' })
    await queue.add('broken', { onlyonce: 1, id: 7, body: 'x', encoding: 'utf8', headers: {} }, { jobId: 'broken-1' })
    await queue.add('broken', { onlyonce: 2, id: 'x' }, { jobId: 'broken-2' })
    const message = { id: 'big', topic: 'big', body: big, headers: { a: 'é' }, orderingKey: 'k' }
    expect(await send([message])).toEqual([{ ok: true }])
    const seen: Record<string, unknown> = {}
    const handle = (message: {
      id: string
      body: Uint8Array
      headers: object
      orderingKey?: string
      source: string
    }) => {
      const body = message.id === 'big' ? Buffer.compare(message.body, big) : Buffer.from(message.body).toString()
      seen[message.id] = [body, message.headers, message.orderingKey]
    }
    work(processor({ once, name: 'ledger', delivers: 'at-least-once', handle }))
    await until('all are over', async () => (await queue.getCompletedCount()) + (await queue.getFailedCount()) === 5)
    expect(seen).toEqual({
      'ann-1': ['{"customer":"ann"}', { 'bullmq-name': 'plain' }, undefined],
      'empty-1': ['{}', { 'bullmq-name': 'empty' }, undefined],
      big: [0, { 'bullmq-name': 'big', a: 'é' }, 'k'],
    })
    const failed = (await queue.getFailed()).map(({ failedReason }) => failedReason)
    expect(failed).toEqual(Array(2).fill(expect.stringContaining('none that this version can read')))
  })

  it('a stop lets handlers finish and sends back at once what is only held', LONG, async () => {
    const { once, store, queue, work, effects } = await openDesk(url)
    await queue.add('paid', jobData({ id: 'a', body: 'x' }))
    let running = 0
    let open: () => void = () => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const handle = async ({ id }: { id: string }) => {
      running++
      await gate
      await store.transaction(async (tx) => record(id, tx))
    }
    const first = processor({ once, name: 'ledger', delivers: 'at-least-once', handle })
    const worker = work(first)
    await until('it began', () => running === 1)
    await queue.add('paid', jobData({ id: 'a', body: 'x' }))
    const second = processor({ once, name: 'ledger', delivers: 'at-least-once', handle })
    // The first one is free to take the copy too, and must not.
    await worker.pause(true)
    const holding = work(second)
    await until('the copy is held', async () => (await queue.getActiveCount()) === 2)
    await second.stop(holding)
    expect(await effects()).toEqual([])
    open()
    await first.stop(worker)
    expect(running).toBe(1)
    expect(await effects()).toEqual(['a'])
    expect(await queue.getCompletedCount()).toBe(1)
    expect((await queue.getDelayedCount()) + (await queue.getWaitingCount())).toBe(1)
  })

  it('a failed message that is admitted again is handled when its job is retried', LONG, async () => {
    const { once, queue, publish, work, effects } = await openDesk(url)
    let broken = true
    const handled = processor({
      ...rules,
      once,
      handle({ id }, tx) {
        if (broken) throw new Unprocessable('no such customer')
        record(id, tx)
      },
    })
    work(handled)
    await publish(['a'])
    await until('it failed', async () => (await queue.getFailedCount()) === 1)
    broken = false
    await (await queue.getJob('o-a'))?.retry()
    await until('it failed again', async () => (await queue.getJob('o-a'))?.attemptsStarted === 2)
    await until('it is over', async () => (await queue.getFailedCount()) === 1)
    expect(await effects()).toEqual([])
    expect(await handled.readmit('a')).toBe(true)
    await (await queue.getJob('o-a'))?.retry()
    await until('it is complete', async () => (await queue.getCompletedCount()) === 1)
    expect(await effects()).toEqual(['a'])
  })

  it('a copy whose job is not there is no success', LONG, async () => {
    const { queue, name, connection } = await openDesk(url)
    const send = publisher({ queue, job: ({ id }) => ({ deduplication: { id, ttl: 60_000 } }) })
    const message = (id: string) => ({ id, topic: 'paid', body: Buffer.from('x'), headers: {} })
    expect(await send([message('a'), message('b')])).toEqual([{ ok: true }, { ok: true }])
    expect(await send([message('a')])).toEqual([{ ok: true }])
    expect(await queue.count()).toBe(2)
    const [job] = (await queue.getWaiting()).filter(({ data }) => data.id === 'a')
    // As after a job that was evicted or removed while what is remembered of it goes on.
    await connection.del(`bull:${name}:${job?.id}`)
    const answers = await send([message('a'), message('b'), message('c')])
    expect(answers).toEqual([
      { ok: false, reason: `BullMQ takes it for a copy of job ${job?.id}, which is not there: it was not stored` },
      { ok: true },
      { ok: true },
    ])
    const shared = publisher({ queue, job: () => ({ deduplication: { id: 'b' } }) })
    expect(await shared([message('d')])).toMatchObject([
      { ok: false, reason: expect.stringContaining('another message') },
    ])
  })

  it('each message is answered for itself', LONG, async () => {
    const { queue } = await openDesk(url)
    const send = publisher({
      queue,
      job: ({ id }) => {
        if (id === '2') throw new Error('no such options')
        return {}
      },
    })
    const batch = names('', 1)
      .concat('2')
      .map((id) => ({ id, topic: 'paid', body: Buffer.from('x'), headers: {} }))
    expect(await send(batch)).toEqual([{ ok: true }, { ok: false, reason: 'no such options' }])
  })

  it('refuses options at construction', () => {
    const once = onlyonce({ store: memoryStore(), scope: 's' })
    const good = { once, name: 'n', delivers: 'at-least-once', handle: () => {} } as const
    const refused = { code: 'OPTION_INVALID' }
    expect(() => processor({ ...good, onEvent: 1 as never })).toThrow(expect.objectContaining(refused))
    expect(() => processor({ ...good, batch: { maxSize: 2 } } as never)).toThrow(/`batch` needs `delivers/)
    expect(() => processor({ ...good, concurrency: 1 } as typeof good)).toThrow(/`concurrency` is not an option/)
    expect(() => processor({ ...good, delivers: 'exactly-once-effect' } as never)).toThrow(/transactional store/)
    expect(() => publisher({ queue: {} as never })).toThrow(/`queue` is required/)
    expect(() => publisher({ queue: {} as never, ttl: 1 } as never)).toThrow(/`ttl` is not an option/)
    expect(() => publisher({ queue: () => ({}) as never, job: {} as never })).toThrow(/`job` must be a function/)
  })
})
