import { expect, it } from 'vitest'
import { type ConsumerEvent, consume } from '../../src/messaging/kafka.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { tidily } from '../support/leftovers.ts'
import { describeWithFresh } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { openDesk, quick } from './kafka-helpers.ts'
import { names } from './ledger.ts'
import { record } from './ledger-store.ts'

const LONG = { timeout: 180_000 }

describeWithFresh('kafka', (start) => {
  it('goes on after the broker was killed, and every effect is there once', LONG, async () => {
    const broker = tidily(await start(), (one) => one.stop())
    const { once, from, publish, effects, behind } = await openDesk(broker.url)
    const ids = names('m', 40)
    await publish(ids)
    const handle = async ({ id }: { id: string }, tx: SqliteTx) => {
      await sleepMs(20)
      record(id, tx)
    }
    const failures: unknown[] = []
    const onEvent = (event: ConsumerEvent) => void (event.type === 'broker-failed' && failures.push(event.error))
    tidily(consume({ ...quick, ...from, once, concurrency: 2, handle, onEvent }), (one) => one.stop())
    await until('some took effect', async () => (await effects()).length > 5)
    await broker.restart('immediate')
    await publish(['after'])
    await until('all took effect', async () => (await effects()).length > ids.length, 120_000)
    await until('all is committed', async () => (await behind()) === 0)
    expect((await effects()).toSorted()).toEqual(['after', ...ids])
  })
})
