import { expect, it } from 'vitest'
import { consume } from '../../src/messaging/kafka.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { tidily } from '../support/leftovers.ts'
import { describeWith } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { openDesk, quick } from './kafka-helpers.ts'
import { names } from './ledger.ts'
import { record } from './ledger-store.ts'

describeWith('kafka', (url) => {
  it('while a batch is handled the next one fills', { timeout: 60_000 }, async () => {
    const { from, once, publish, effects } = await openDesk(url, 1)
    const ids = names('m', 50)
    await publish(ids)
    const sizes: number[] = []
    async function handle(messages: readonly { readonly id: string }[], tx: SqliteTx) {
      sizes.push(messages.length)
      // Longer than a batch waits for others.
      await sleepMs(50)
      for (const { id } of messages) record(id, tx)
    }
    tidily(consume({ ...quick, ...from, once, batch: { maxSize: 10 }, handle }), (one) => one.stop())
    await until('all are handled', async () => (await effects()).length === ids.length)
    expect(sizes).toEqual([10, 10, 10, 10, 10])
  })
})
