import { beforeAll, describe, expect, it } from 'vitest'
import { bundled } from '../support/bundle.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { message, openShop } from './messaging-helpers.ts'

let worker = ''
beforeAll(async () => {
  worker = await bundled('test/integration/messaging-worker.ts')
})

const names = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${prefix}${String(i).padStart(3, '0')}`)

describe.each(['exactly-once-effect', 'at-least-once'])('a consumer process that delivers %s', (mode) => {
  it('that is killed again and again leaves each effect exactly once', async () => {
    const { queue, start, log, effects, idle } = await openShop(worker)
    const ids = names('m', 300)
    await queue.publish(ids.map((id) => message(id)))
    let kills = 0
    const keepsGettingKilled = async () => {
      for (; kills < 6; kills++) {
        const { child, over } = start('consumer', mode)
        const before = log().length
        await until('the consumer works', async () => log().length > before + 10 || (await idle()))
        await sleepMs(Math.random() * 20)
        child.kill('SIGKILL')
        await over
      }
    }
    await Promise.all([keepsGettingKilled(), keepsGettingKilled()])
    start('consumer', mode)
    await until('the queue is empty', idle)
    expect(await effects()).toEqual(ids)
    expect(await queue.deadLetters('ledger')).toEqual([])
  }, 120_000)

  it('parks the message that kills it and the one that fails; all the others take effect', async () => {
    const { queue, start, log, effects, idle } = await openShop(worker)
    const ids = names('slow', 40)
    await queue.publish(['killer', 'poison', ...ids].map((id) => message(id)))
    let over = false
    const restarting = (async () => {
      while (!over) await start('consumer', mode).over
    })()
    try {
      await until('the queue is empty', idle)
    } finally {
      over = true
    }
    expect(await effects()).toEqual(ids)
    const dead = await queue.deadLetters('ledger')
    expect(dead.map(({ id }) => id).sort()).toEqual(['killer', 'poison'])
    const killer = dead.find(({ id }) => id === 'killer')
    expect(killer?.reason).toMatch(/3 times/)
    expect(killer?.body).toEqual(message('killer').body)
    expect(log().filter((line) => line === 'start killer')).toHaveLength(3)
    void restarting
  }, 120_000)
})
