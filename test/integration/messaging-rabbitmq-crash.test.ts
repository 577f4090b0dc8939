import { expect, it } from 'vitest'
import { consume, Unprocessable } from '../../src/messaging/rabbitmq.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { tidily } from '../support/leftovers.ts'
import { describeWith, describeWithFresh } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { names } from './ledger.ts'
import { open, openDesk } from './rabbitmq-helpers.ts'
import { attemptsBeside, workers } from './workers.ts'

const LONG = { timeout: 150_000 }

describeWith('rabbitmq', (url) => {
  it('processes that are killed leave each effect once; the message that kills them is put aside', LONG, async () => {
    const { queue, path, publish, effects, count, dead } = await openDesk(url)
    const ids = names('m', 60)
    await publish([...ids.slice(0, 20), 'killer', ...ids.slice(20)])
    const kills = 4
    const maxAttempts = attemptsBeside(kills)
    await workers('rabbitmq-worker', [url, queue, path, String(maxAttempts)], { kills })
    let isParked = false
    await until('all took effect and the killer is put aside', async () => {
      // Whoever asks the ledger keeps the processes from writing to it.
      await sleepMs(300)
      // One that is killed while it puts it aside leaves another copy of it there.
      for (let one = await dead(); one !== undefined; one = await dead()) {
        const reason = String(one.properties.headers?.['onlyonce-reason'])
        expect([one.properties.messageId, reason]).toEqual(['killer', expect.stringMatching(/started \d+ times/)])
        expect(Number(/\d+/.exec(reason)?.[0])).toBeGreaterThanOrEqual(maxAttempts)
        isParked = true
      }
      return isParked && (await effects()).length >= ids.length
    })
    await until('the queue is empty', async () => (await count()) === 0)
    expect((await effects()).toSorted()).toEqual(ids)
  })
})

describeWithFresh('rabbitmq', (start) => {
  it('goes on after the broker was killed, and every effect is there once', LONG, async () => {
    const broker = tidily(await start(), (one) => one.stop())
    const { once, queue, publish, effects } = await openDesk(broker.url)
    const ids = names('m', 40)
    await publish(ids)
    // Killed earlier, RabbitMQ 3.10 comes back with an empty queue.
    await sleepMs(5_000)
    const handle = async ({ id }: { id: string }, tx: SqliteTx) => {
      await sleepMs(20)
      tx.prepare('INSERT INTO effects (id) VALUES (?)').run(id)
    }
    const rules = { once, name: 'ledger', delivers: 'exactly-once-effect', queue, concurrency: 2, handle } as const
    const consumer = tidily(consume({ ...rules, connection: () => open(broker.url) }), (one) => one.stop())
    await until('some took effect', async () => (await effects()).length > 5)
    await broker.restart('immediate')
    await until('all took effect', async () => (await effects()).length >= ids.length, 60_000)
    await consumer.stop()
    expect((await effects()).toSorted()).toEqual(ids)
  })

  it('a stop ends although the broker is silent', LONG, async () => {
    const broker = tidily(await start(), (one) => one.stop())
    const { once, queue, publish } = await openDesk(broker.url)
    await publish(['running', 'refused'])
    const handled: string[] = []
    let goOn: () => void = () => {}
    const silent = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const failures: string[] = []
    const consumer = consume({
      ...{ once, name: 'ledger', delivers: 'at-least-once', queue, connection: () => open(broker.url) },
      async handle({ id }) {
        handled.push(id)
        await silent
        if (id === 'refused') throw new Unprocessable('no such customer')
      },
      onEvent: (event) => void (event.type === 'broker-failed' && failures.push(String(event.error))),
    })
    await until('both began', () => handled.length === 2)
    for (const one of broker.processes) one.pause()
    try {
      const stopped = consumer.stop().then(() => 'stopped')
      goOn()
      expect(await Promise.race([stopped, sleepMs(40_000).then(() => 'still stopping')])).toBe('stopped')
      expect(failures.join()).toContain('did not answer')
    } finally {
      for (const one of broker.processes) one.resume()
    }
  })
})
