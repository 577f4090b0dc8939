import { spawn } from 'node:child_process'
import { expect, it } from 'vitest'
import { openTransacted } from '../../src/messaging/kafka/transacted.ts'
import { deadTopic, type TransformEvent, transform, Unprocessable } from '../../src/messaging/kafka.ts'
import { describeWith } from '../support/services.ts'
import { names, openDesk, readAll, readCommitted, SOON, tidily } from './kafka-helpers.ts'
import { bundled, until } from './messaging-helpers.ts'

const LONG = { timeout: 120_000 }

describeWith('kafka', (url) => {
  async function openPlant(partitions = 2) {
    const desk = await openDesk(url, partitions)
    const out = `${desk.topic}-out`
    await desk.admin.createTopics({ waitForLeaders: true, topics: [{ topic: out, numPartitions: 1 }] })
    const groupId = `transform-${desk.topic}`
    const position = async () => {
      const [of] = await desk.admin.fetchOffsets({ groupId, topics: [desk.topic] })
      return of?.partitions.reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0) ?? 0
    }
    const options = { kafka: desk.kafka, topic: desk.topic, groupId, transactionalId: groupId, consumer: SOON }
    return { ...desk, out, position, options }
  }

  it('processes that die between producing and committing leave each output once', LONG, async () => {
    const { topic, kafka, admin, out, publish, position } = await openPlant()
    const ids = names('m', 50)
    await publish(ids)
    const worker = await bundled('kafka-transform-worker')
    let over = false
    let deaths = 0
    const run = async () => {
      while (!over) {
        const child = spawn(process.execPath, [worker, url, topic], { stdio: ['ignore', 'inherit', 'inherit'] })
        tidily(child, (one) => one.kill('SIGKILL'))
        await new Promise((resolve) => child.once('exit', resolve))
        if (!over) deaths++
      }
    }
    void run()
    void run()
    await until('all is committed', async () => (await position()) === ids.length)
    over = true
    const [end] = await admin.fetchTopicOffsets(out)
    const outputs = (await readCommitted(kafka, out, BigInt(end?.high ?? 0))).map(({ value }) => String(value))
    expect(outputs.toSorted()).toEqual(ids.map((id) => `out of ${id}`))
    expect(deaths).toBeGreaterThan(0)
  })

  it('whoever had the partition before can commit nothing any more', LONG, async () => {
    const { topic, kafka, admin, out, position, options } = await openPlant(1)
    const open = () => openTransacted(kafka, admin, options.groupId, options.transactionalId, { topic, partition: 0 })
    const stretch = (next: string) => {
      const outputs = new Map([[out, [{ key: next, value: next }]]])
      return { topic, partition: 0, next, outputs }
    }
    const first = tidily(await open(), (one) => one.close())
    await first.commit(stretch('1'))
    const second = tidily(await open(), (one) => one.close())
    expect(second.position).toBe(1n)
    await expect(first.commit(stretch('2'))).rejects.toThrow()
    expect(await position()).toBe(1)
    await second.commit(stretch('3'))
    await until('it is committed', async () => (await position()) === 3)
  })

  it('a transaction that fails moves no offset and shows nothing', LONG, async () => {
    const { kafka, out, admin, publish, position, options } = await openPlant(1)
    await publish(names('m', 10))
    const events: TransformEvent[] = []
    const missing = `${out}-2`
    const running = tidily(
      transform({
        ...options,
        handle: ({ id }) => [
          { topic: out, body: id },
          { topic: missing, body: id },
        ],
        onEvent: (event) => void events.push(event),
      }),
      (one) => one.stop(),
    )
    await until('it was aborted', () => events.some(({ type }) => type === 'aborted'))
    expect(await position()).toBe(0)
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic: missing, numPartitions: 1 }] })
    await until('all is committed', async () => (await position()) === 10)
    await running.stop()
    for (const topic of [out, missing]) {
      const outputs = (await readAll(kafka, topic, 10)).map(({ value }) => String(value))
      expect(outputs).toEqual(names('m', 10))
    }
  })

  it('puts a message aside in the transaction of the others', LONG, async () => {
    const { topic, kafka, out, publish, position, options } = await openPlant(1)
    await publish(['a', 'bad', 'b', 'refused'])
    let starts = 0
    tidily(
      transform({
        ...options,
        maxAttempts: 3,
        backoffMs: 5,
        handle({ id }) {
          if (id === 'bad' && ++starts > 0) throw new Error('never works')
          if (id === 'refused') throw new Unprocessable('no such customer')
          return [{ topic: out, body: id }]
        },
      }),
      (one) => one.stop(),
    )
    await until('all is committed', async () => (await position()) === 4)
    expect(starts).toBe(3)
    const parked = (await readAll(kafka, deadTopic(topic), 2)).map(({ headers }) => [
      String(headers?.['onlyonce-id']),
      String(headers?.['onlyonce-reason']),
    ])
    expect(parked).toEqual([
      ['bad', 'never works'],
      ['refused', 'no such customer'],
    ])
    const outputs = (await readAll(kafka, out, 2)).map(({ value, headers }) => [
      String(value),
      String(headers?.['onlyonce-id']),
    ])
    expect(outputs).toEqual([
      ['a', `${topic}/0/0/0`],
      ['b', `${topic}/0/2/0`],
    ])
  })

  it('refuses options that it cannot keep', async () => {
    const { options } = await openPlant(1)
    const handle = () => []
    expect(() => transform({ ...options, handle, transactionalId: '' })).toThrow(/option `transactionalId`/)
    expect(() => transform({ ...options, handle: undefined as never })).toThrow(/option `handle` is required/)
    expect(() => transform({ ...options, handle, batchSize: 0 })).toThrow(/option `batchSize`/)
  })
})
