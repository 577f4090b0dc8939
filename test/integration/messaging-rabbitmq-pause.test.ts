import { expect, it } from 'vitest'
import { consume } from '../../src/messaging/rabbitmq.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { tidily } from '../support/leftovers.ts'
import { describeWith } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { names } from './ledger.ts'
import { record } from './ledger-store.ts'
import { open, openDesk } from './rabbitmq-helpers.ts'

const LONG = { timeout: 60_000 }

describeWith('rabbitmq', (url) => {
  it('a paused consumer leaves what is new to others, and goes on when it is resumed', LONG, async () => {
    const { once, queue, publish, effects, count } = await openDesk(url)
    const handle = ({ id }: { id: string }, tx: SqliteTx) => void record(id, tx)
    const options = {
      ...({ name: 'ledger', delivers: 'exactly-once-effect', connection: () => open(url), once, queue } as const),
    }
    const first = tidily(consume({ ...options, handle }), (one) => one.stop())
    await publish(['first'])
    await until('it works', async () => (await effects()).length === 1)
    first.pause()
    await sleepMs(200)
    await publish(names('m', 10))
    await until('they are left in the queue', async () => (await count()) === 10)
    const other = tidily(consume({ ...options, handle }), (one) => one.stop())
    await until('the other one has handled them', async () => (await effects()).length === 11)
    await other.stop()
    await publish(['last'])
    await sleepMs(200)
    expect(await effects()).toHaveLength(11)
    first.resume()
    await until('it goes on', async () => (await effects()).length === 12)
  })
})
