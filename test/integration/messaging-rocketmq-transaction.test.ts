import { spawn } from 'node:child_process'
import { once as nextEvent } from 'node:events'
import { Producer } from 'rocketmq-client-nodejs'
import { expect, expectTypeOf, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { type RocketTransactionalProducer, transactional } from '../../src/messaging/rocketmq.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { bundled } from '../support/bundle.ts'
import { rocketmqOptions } from '../support/rocketmq.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { atLast, openDesk } from './rocketmq-helpers.ts'

const LONG = { timeout: 150_000 }
const record = (id: string) => (tx: SqliteTx) => void tx.prepare('INSERT INTO effects (id) VALUES (?)').run(id)

describeWith('rocketmq', (url) => {
  /** A producer that the broker may ask, and what it answered. */
  async function open(rollbackAfterMs: number) {
    const desk = await openDesk(url, 'TRANSACTION')
    // Any producer of the topic may be asked, and this one has no checker.
    await desk.producer.shutdown()
    const halves = transactional({ once: desk.once, rollbackAfterMs })
    const answers: string[] = []
    const checker = {
      async check(message: Parameters<typeof halves.checker.check>[0]) {
        const answer = await halves.checker.check(message)
        answers.push(`${message.properties.get('onlyonce-id')} ${['?', 'commit', 'rollback'][answer]}`)
        return answer
      },
    }
    const producer = new Producer({ ...rocketmqOptions(url), topic: desk.topic, checker })
    await producer.startup()
    atLast(producer, (one) => one.shutdown())
    const half = (id: string) => ({ topic: desk.topic, body: Buffer.from(`body of ${id}`), headers: { shop: 'é' } })
    return { ...desk, halves, answers, asked: producer, half }
  }

  it('takes the producer of rocketmq-client-nodejs', () => {
    expectTypeOf<Producer>().toExtend<RocketTransactionalProducer>()
  })

  it('the message is there if the effect committed, and not if it threw', LONG, async () => {
    const { halves, asked, half, topic, effects, read } = await open(60_000)
    const failing = halves.send(asked, 'bad', half('bad'), (tx) => {
      record('bad')(tx)
      throw new Error('changed my mind')
    })
    await expect(failing).rejects.toThrow('changed my mind')
    const good = (tx: SqliteTx) => {
      record('good')(tx)
      return 7
    }
    expect(await halves.send(asked, 'good', half('good'), good)).toBe(7)
    expect(await halves.send(asked, 'good', half('good'), good)).toBe(7)
    const messages = await read(2, topic)
    expect(messages.map(({ properties }) => [properties.get('onlyonce-id'), properties.get('shop')])).toEqual([
      ['good', 'é'],
      ['good', 'é'],
    ])
    expect(await effects()).toEqual(['good'])
  })

  it(
    'killed between effect and message, the record commits it; killed before the effect, it is dropped',
    LONG,
    async () => {
      const { halves, asked, half, topic, path, answers, effects, read } = await open(3_000)
      const worker = await bundled('test/integration/rocketmq-half-worker.ts')
      await Promise.all(
        [
          ['kept', 'before the commit'],
          ['gone', 'inside the effect'],
        ].map(async ([key = '', moment = '']) => {
          const child = spawn(process.execPath, [worker, url, topic, path, key, moment], {
            stdio: ['ignore', 'inherit', 'inherit'],
          })
          expect(await nextEvent(child, 'exit')).toEqual([null, 'SIGKILL'])
        }),
      )
      expect(await effects()).toEqual(['kept'])
      await until('both are decided', () => ['kept commit', 'gone rollback'].every((one) => answers.includes(one)))
      expect(answers).not.toContain('gone commit')
      expect(answers).not.toContain('kept rollback')
      await halves.send(asked, 'last', half('last'), record('last'))
      // Asked twice before it heard, the broker may hand over a message twice.
      const there = new Set<string | undefined>()
      await until('both are there', async () => {
        for (const { properties } of await read(2, topic)) there.add(properties.get('onlyonce-id'))
        return there.has('kept') && there.has('last')
      })
      expect([...there].toSorted()).toEqual(['kept', 'last'])
      expect(await effects()).toEqual(['kept', 'last'])
    },
  )

  it('a wrong option is refused', async () => {
    const { once } = await openDesk(url)
    const leased = onlyonce({ store: memoryStore(), scope: 'shop' })
    expect(() => transactional({ once: leased as never })).toThrow('option `once`')
    expect(() => transactional({ once, rollbackAfterMs: 0 })).toThrow('option `rollbackAfterMs`')
  })
})
