// pg-transactional-outbox with its polling listener: its inbox with a business row, and its outbox with a publisher.
import { INSERT_EFFECT, postgresByHand } from '../../stores/by-hand/postgres.mjs'
import { openPool } from '../../stores/postgres.mjs'
import { newKeys, result, resultJson } from '../../workload.mjs'
import { brokers } from '../brokers.mjs'
import { CONNECTIONS, TRANSACTIONS, UNDER_WAY } from './limits.mjs'
import { paced } from './paced.mjs'
import { rival } from './rivals/import.mjs'

/** Each poll sorts all waiting messages, so only a few wait. */
const WAITING = 200
const FILL = `INSERT INTO table_of (id, aggregate_type, aggregate_id, message_type, concurrency, payload)
  SELECT id, 'order', '1', 'placed', 'parallel', $2 FROM unnest($1::uuid[]) AS id`

/** @param {string} url */
export function inboxOfRival(url) {
  return open(url, 'inbox', 'inbox', ({ id }, client) => client.query(INSERT_EFFECT, [id, resultJson]))
}

/** It delivers one message at a time, and its publisher publishes one at a time. @param {number} index of the broker @param {string | undefined} brokerUrl @param {string} url */
export async function outboxOfRival(index, brokerUrl, url) {
  const desk = await /** @type {import('../brokers.mjs').Broker} */ (brokers[index]).open(brokerUrl)
  const publish = (/** @type {Message} */ { id, payload }) =>
    desk.publish([{ id, topic: 'orders', body: Buffer.from(JSON.stringify(payload)), headers: {} }])
  return open(url, 'outbox', 'outbox', publish, desk.close)
}

/**
 * @typedef {{ id: string, payload: object }} Message
 * @typedef {(message: Message, client: import('pg').PoolClient) => Promise<unknown>} Handle
 *
 * @param {string} url @param {'inbox' | 'outbox'} kind @param {string} what @param {Handle} handle @param {() => unknown} [close]
 */
export async function open(url, kind, what, handle, close) {
  const { DatabaseSetup, getDisabledLogger, initializePollingMessageListener } = await rival('pg-transactional-outbox')
  const schema = `rival_${process.pid}`
  const pool = openPool(url)
  await postgresByHand(pool)
  const tables = { outboxOrInbox: kind, schema, table: kind, nextMessagesName: 'next_messages' }
  const { dropAndCreateTable, createPollingFunction, setupPollingIndexes } = DatabaseSetup
  for (const make of [dropAndCreateTable, createPollingFunction, setupPollingIndexes]) await pool.query(make(tables))
  const fill = FILL.replace('table_of', `${schema}.${kind}`)
  const pace = paced({ count: WAITING, add: (count) => pool.query(fill, [newKeys(count), result]) })
  await pace.refill()
  const settings = {
    dbSchema: schema,
    dbTable: kind,
    nextMessagesFunctionSchema: schema,
    nextMessagesFunctionName: 'next_messages',
    nextMessagesBatchSize: UNDER_WAY,
    nextMessagesPollingIntervalInMs: 10,
  }
  initializePollingMessageListener(
    {
      outboxOrInbox: kind,
      dbListenerConfig: { connectionString: url, max: CONNECTIONS - TRANSACTIONS },
      dbHandlerConfig: { connectionString: url, max: TRANSACTIONS },
      settings,
    },
    {
      async handle(/** @type {Message} */ message, /** @type {import('pg').PoolClient} */ client) {
        await handle(message, client)
        pace.done([message.id])
      },
    },
    getDisabledLogger(),
    { batchSizeStrategy: () => pace.turn().then(() => UNDER_WAY) },
  )
  return {
    what,
    per: pace.per,
    run: pace.run,
    async close() {
      if (kind === 'inbox') await pace.prove(url)
      await close?.()
    },
  }
}
