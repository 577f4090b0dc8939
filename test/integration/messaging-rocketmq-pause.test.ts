import { expect, it } from 'vitest'
import { consume } from '../../src/messaging/rocketmq.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { describeWith } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { names } from './ledger.ts'
import { record } from './ledger-store.ts'
import { openConsumer } from './rocketmq-clients.ts'
import { atLast, openDesk } from './rocketmq-helpers.ts'

describeWith('rocketmq', (url) => {
  it('a paused consumer leaves what is new to others, and goes on when it is resumed', {
    timeout: 90_000,
  }, async () => {
    const { once, topic, group, producer, consumer, publish, effects } = await openDesk(url)
    const handle = ({ id }: { id: string }, tx: SqliteTx) => void record(id, tx)
    const rules = { name: 'ledger', delivers: 'exactly-once-effect', once, producer, handle } as const
    const first = atLast(consume({ ...rules, consumer }), (one) => one.stop())
    await publish(['first'])
    await until('it works', async () => (await effects()).length === 1, 30_000)
    await first.pause()
    await publish(names('m', 10))
    const other = consume({ ...rules, consumer: () => openConsumer(url, topic, group) })
    await until('the other one has handled them', async () => (await effects()).length === 11, 30_000)
    await other.stop()
    await publish(['last'])
    await sleepMs(500)
    expect(await effects()).toHaveLength(11)
    first.resume()
    await until('it goes on', async () => (await effects()).length === 12, 30_000)
  })
})
