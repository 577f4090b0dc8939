import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { embeddedQueue } from '../../src/messaging/embedded-queue.ts'
import { later } from '../support/leftovers.ts'
import { until } from '../support/waiting.ts'
import { onEveryDatabase, openShopOn, PATIENCE_MS, several } from './batch-grounds.ts'
import { workers } from './workers.ts'

onEveryDatabase((ground) => {
  const { kind, urlOf } = ground

  it('a message that kills its process is parked; the others of its batches take effect once', {
    timeout: PATIENCE_MS,
  }, async () => {
    const { place, shop } = await openShopOn(ground)
    const directory = mkdtempSync(join(tmpdir(), 'onlyonce-batches-'))
    const path = join(directory, 'queue.db')
    const queue = embeddedQueue({
      path,
      subscriptions: { orders: ['orders'] },
      durability: 'normal',
      busyTimeoutMs: 20_000,
    })
    later(async () => {
      await queue.close()
      rmSync(directory, { recursive: true, force: true })
    })
    const ids = [...several(60).map(({ id }) => id), 'killer', 'poison', ...several(38, 'n').map(({ id }) => id)]
    await queue.publish(ids.map((id) => ({ id, topic: 'orders', body: Buffer.from(id), headers: {} })))
    const { lives } = await workers('batch-worker', [kind, urlOf(place), place, path], { count: 1, kills: 0 })
    await until(
      'the queue is empty',
      async () => {
        const { ready = 0, out = 0 } = (await queue.stats()).get('orders') ?? {}
        return ready + out === 0
      },
      PATIENCE_MS - 30_000,
    )
    expect(lives()).toBeGreaterThan(2)
    const effects = await shop.effects()
    expect([effects.length, new Set(effects).size]).toEqual([98, 98])
    expect((await queue.deadLetters('orders')).map(({ id, reason }) => [id, reason]).sort()).toEqual([
      ['killer', expect.stringContaining('the process died')],
      ['poison', 'poison'],
    ])
  })
})
