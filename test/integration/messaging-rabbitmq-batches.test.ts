import { expect, it } from 'vitest'
import { consume } from '../../src/messaging/rabbitmq.ts'
import { tidily } from '../support/leftovers.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { open, openDesk } from './rabbitmq-helpers.ts'

describeWith('rabbitmq', (url) => {
  it('batches keep the order of each key when one of them fails, and share a batch otherwise', {
    timeout: 60_000,
  }, async () => {
    const { queue, once, publish, effects, count } = await openDesk(url)
    const keys = ['a', 'b', 'c', 'd']
    for (let n = 0; n < 40; n++) for (const key of keys) await publish([`${key}${String(n).padStart(2, '0')}`], key)
    const sizes: number[] = []
    let failures = 0
    tidily(
      consume({
        once,
        name: 'ledger',
        delivers: 'exactly-once-effect',
        connection: () => open(url),
        queue,
        batch: { maxSize: 50, maxWaitMs: 50 },
        backoffMs: 5,
        handle(messages, tx) {
          for (const { id } of messages) {
            tx.prepare('INSERT INTO effects (id) VALUES (?)').run(id)
            // In its batch, in the halves of it, and alone for the first time.
            if (id === 'b07' && failures++ < 10) throw new Error('not yet')
          }
          sizes.push(messages.length)
        },
      }),
      (consumer) => consumer.stop(),
    )
    await until('all have taken effect', async () => (await effects()).length === 160)
    const done = await effects()
    for (const key of keys) {
      const own = done.filter((id) => id.startsWith(key))
      expect(own).toEqual([...own].sort())
    }
    expect([failures > 3, new Set(done).size]).toEqual([true, 160])
    expect(Math.max(...sizes)).toBeGreaterThan(keys.length)
    await until('all are acknowledged', async () => (await count()) === 0)
  })
})
