import { expect, it } from 'vitest'
import { tidily } from '../support/leftovers.ts'
import { createProxy } from '../support/proxy.ts'
import { describeWith } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { record } from './ledger-store.ts'
import { type Handle, open, openDesk, start } from './nats-helpers.ts'

const LONG = { timeout: 90_000 }

describeWith('nats', (url) => {
  it('a message that is held for longer than the ack wait comes to nobody else', LONG, async () => {
    const desk = await openDesk(url)
    await desk.publish(['a', 'b', 'c'], 'k')
    const { settled, redelivered } = start(desk, async ({ id }, tx) => {
      await sleepMs(id === 'a' ? 7_000 : 1)
      record(id, tx)
    })
    await until('all are settled', () => settled.length >= 3)
    expect(await desk.effects()).toEqual(['a', 'b', 'c'])
    await until('the server has nothing left', desk.isDone)
    expect((await desk.info()).config.ack_wait).toBe(3_000_000_000)
    expect((await desk.info()).delivered.consumer_seq).toBe(3)
    expect(redelivered).toEqual([])
  })

  it('one whose ack wait was over is not acknowledged by the one who had it before', LONG, async () => {
    const desk = await openDesk(url)
    const proxy = tidily(await createProxy(Number(new URL(url).port)), (one) => one.close())
    const connection = await open(`nats://127.0.0.1:${proxy.port}`)
    await desk.publish(['slow'])
    let starts = 0
    const handle: Handle = async ({ id }, tx) => {
      starts++
      // Nothing gets through meanwhile, and the message is handed to the other consumer.
      if (starts === 1) proxy.blackhole()
      await sleepMs(starts === 1 ? 5_000 : 1)
      record(id, tx)
    }
    const first = start({ ...desk, connection }, handle)
    await until('it began', () => starts === 1)
    const second = start(desk, handle)
    await until('the other has it', () => second.settled.length === 1)
    await until('the first is over', () => first.settled.length === 1)
    proxy.resume()
    expect(first.settled).toEqual(['slow none'])
    expect(second.settled).toEqual(['slow ack'])
    expect(await desk.effects()).toEqual(['slow'])
  })

  it('goes on about where it was when somebody deletes its consumer', LONG, async () => {
    const desk = await openDesk(url)
    await desk.publish(['a', 'b', 'c'])
    const { settled, failures } = start(desk, ({ id }, tx) => void record(id, tx))
    await until('the first took effect', async () => settled.length === 3 && (await desk.isDone()))
    // Long enough for the place to be remembered.
    await sleepMs(10_000)
    await desk.manager.consumers.delete(desk.stream, 'ledger')
    await until('it is noticed', () => failures.length > 0)
    await desk.publish(['after'])
    await until('the next is settled', () => settled.length >= 4)
    await until('the server has nothing left', desk.isDone)
    expect(failures[0]).toContain('receive')
    expect(settled).toEqual(['a ack', 'b ack', 'c ack', 'after ack'])
  })

  it('knows that it may have been handed out before when another process made the consumer again', LONG, async () => {
    const desk = await openDesk(url)
    const { stream, manager } = desk
    await manager.streams.add({ name: `${stream}-dead`, subjects: [`dead.${stream}.>`] })
    const add = () =>
      manager.consumers.add(stream, { durable_name: 'ledger', ack_policy: 'explicit', ack_wait: 3e9, max_deliver: -1 })
    await add()
    await desk.publish(['a', 'b'])
    const { settled, redelivered, failures } = start(desk, ({ id }, tx) => void record(id, tx), { declare: false })
    await until('both are settled', () => settled.length === 2)
    expect(redelivered).toEqual([])
    await manager.consumers.delete(stream, 'ledger')
    await until('it is noticed', () => failures.join().includes('has no consumer ledger'))
    await add()
    await until('both are settled again', () => settled.length === 4)
    expect(redelivered.toSorted()).toEqual(['a', 'b'])
    await desk.publish(['new'])
    await until('the next is settled', () => settled.length === 5)
    expect(redelivered).toHaveLength(2)
  })

  it(
    'cannot tell when the consumer is younger than the message, and this process sees it for the first time',
    LONG,
    async () => {
      const desk = await openDesk(url)
      await desk.publish(['a'])
      const first = start(desk, ({ id }, tx) => void record(id, tx))
      await until('it is settled', () => first.settled.length === 1)
      await desk.publish(['b'])
      await until('the next is settled', () => first.settled.length === 2)
      expect([first.maybe, first.redelivered]).toEqual([['a'], []])
      await first.consumer.stop()
      await desk.manager.consumers.delete(desk.stream, 'ledger')
      const second = start(desk, ({ id }, tx) => void record(id, tx))
      await until('both are settled again', () => second.settled.length === 2)
      await desk.publish(['c'])
      await until('the next is settled', () => second.settled.length === 3)
      expect([second.maybe.toSorted(), second.redelivered]).toEqual([['a', 'b'], []])
      expect((await desk.effects()).toSorted()).toEqual(['a', 'b', 'c'])
    },
  )

  it('knows it also when the consumer was made again while nothing was asked for', LONG, async () => {
    const desk = await openDesk(url)
    const { stream, manager } = desk
    await desk.publish(['a'])
    let goOn: () => void = () => {}
    const remade = new Promise<void>((resolve) => {
      goOn = resolve
    })
    let starts = 0
    const handle: Handle = async ({ id }, tx) => {
      starts++
      await remade
      record(id, tx)
    }
    const { settled, redelivered, failures } = start(desk, handle, { concurrency: 1, prefetch: 0 })
    await until('it began', () => starts === 1)
    const { config } = await desk.info()
    await manager.consumers.delete(stream, 'ledger')
    await manager.consumers.add(stream, config)
    goOn()
    await until('it is settled again', () => settled.length === 2)
    expect(redelivered).toEqual(['a'])
    expect(failures.join()).not.toContain('receive')
    // Its place in time is found out, and what is new then is new.
    await sleepMs(10_000)
    await desk.publish(['new'])
    await until('the next is settled', () => settled.length === 3)
    expect(redelivered).toEqual(['a'])
  })
})
