// From an outbox through the relay into the inbox, all in one PostgreSQL: the equivalent of a queue in the database.
import { inbox } from 'onlyonce/inbox'
import { outbox, relay } from 'onlyonce/outbox'
import { postgresStore } from 'onlyonce/postgres'
import { INSERT_EFFECT, postgresByHand } from '../../stores/by-hand/postgres.mjs'
import { onceOver } from '../../stores/ours.mjs'
import { openPool } from '../../stores/postgres.mjs'
import { each, resultJson } from '../../workload.mjs'
import { newMessages } from '../messages.mjs'
import { UNDER_WAY } from './limits.mjs'
import { paced } from './paced.mjs'

/** @param {string} url */
export async function outboxToInbox(url) {
  const pool = openPool(url)
  await postgresByHand(pool)
  const store = postgresStore({ pool, schema: `vs_${process.pid}` })
  const box = outbox(store)
  const once = onceOver(store)
  const receive = inbox({
    once,
    name: 'ledger',
    delivers: 'exactly-once-effect',
    handle: (message, tx) => tx.query(INSERT_EFFECT, [message.id, resultJson]),
  })
  const pace = paced({
    count: 20_000,
    async add(count) {
      for (let left = count; left > 0; left -= 500)
        await store.transaction((tx) => box.add(tx, newMessages(500, 'orders')))
    },
  })
  await pace.refill()
  /** @param {readonly import('onlyonce/outbox').OutboxMessage[]} batch */
  async function publish(batch) {
    await each(batch, UNDER_WAY, async ({ id, body, headers }) => {
      await pace.turn()
      const verdict = await receive({ id, source: 'orders', body, headers, redelivered: false })
      if (verdict.kind !== 'ack') throw new Error(`a message was answered ${JSON.stringify(verdict)}`)
      pace.done([id])
    })
    return batch.map(() => ({ ok: /** @type {const} */ (true) }))
  }
  relay({ store, publish, leaseMs: 600_000, publishTimeoutMs: 590_000 }).start()
  return {
    what: 'outbox to inbox, single messages',
    per: pace.per,
    run: pace.run,
    close: () => pace.prove(url),
  }
}
