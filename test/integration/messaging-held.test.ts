import { expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { inbox } from '../../src/messaging/inbox.ts'
import { delivery } from '../inbox-kit.ts'
import { later } from '../support/leftovers.ts'
import { testDatabase } from '../support/postgres.ts'
import { describeWith } from '../support/services.ts'

describeWith('postgres', (url) => {
  it('a message that is held while another transaction has it open uses up no attempt', async () => {
    const database = await testDatabase(url)
    later(() => database.close())
    const consumer = (handle: (starts: number) => unknown) =>
      inbox({
        ...{
          once: onlyonce({ store: database.store({ lockWaitMs: 50 }), scope: 'shop' }),
          name: 'coupons',
          holdMs: 300,
        },
        ...{ delivers: 'exactly-once-effect', maxAttempts: 3, backoffMs: 1, maxBackoffMs: 1 },
        handle: (_message, _tx, op) => handle(op.starts),
      })
    let begun = () => {}
    let fail = (_: Error) => {}
    const running = new Promise<void>((resolve) => {
      begun = resolve
    })
    const first = consumer(() => {
      begun()
      return new Promise((_, reject) => {
        fail = reject
      })
    })
    const seen: number[] = []
    const second = consumer((starts) => {
      seen.push(starts)
      throw new Error('no stock')
    })
    const failing = first(delivery())
    await running
    for (let time = 0; time < 2; time++)
      expect(await second(delivery({ redelivered: true }))).toMatchObject({ reason: expect.stringContaining('holdMs') })
    fail(new Error('no stock'))
    expect((await failing).kind).toBe('retry')
    expect((await second(delivery({ redelivered: true }))).kind).toBe('retry')
    expect((await second(delivery({ redelivered: true }))).kind).toBe('dead-letter')
    expect(seen).toEqual([2, 3])
  })
})
