import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { postgresStore } from 'onlyonce/postgres'
import { redisStore } from 'onlyonce/redis'
import { sqliteStore } from 'onlyonce/sqlite'
import { contest } from '../contest.mjs'
import { contestTable } from '../contest-table.mjs'
import { openDatabase } from '../sqlite.mjs'
import { LEASE_MS, newKey, newKeys, resultJson } from '../workload.mjs'
import { mysqlByHand } from './by-hand/mysql.mjs'
import { postgresByHand } from './by-hand/postgres.mjs'
import { openMysqlPool } from './mysql.mjs'
import { claimsOf, leasesOf, onceOver, storeModule } from './ours.mjs'
import { openPool } from './postgres.mjs'

const BATCH = 500

/** With one caller, through the store port where nothing else is said; rates count operations, not batches. @type {import('../sections.mjs').Section} */
export const batches = {
  name: 'batches',
  table: contestTable,
  async cases({ servers, sliceMs }) {
    const mysql = await storeModule('mysql')
    /** @param {import('../servers.mjs').Kind} kind @param {(url: string) => Promise<import('../slice.mjs').Side[]>} sides */
    const on = (kind, sides) => async () => {
      const { url, pids } = await servers.get(kind)
      const all = (await sides(url)).map((side) => ({ ...side, per: BATCH }))
      return contest(all, { callers: 1, sliceMs, pids })
    }
    return [
      { name: `${BATCH} claims, redis`, measure: on('redis', redisClaims) },
      { name: `${BATCH} claims, postgres`, measure: on('postgres', postgresClaims) },
      {
        name: `${BATCH} messages with their business rows in one transaction, postgres`,
        measure: async () => ({ goal: 0.5, ...(await on('postgres', postgresMessages)()) }),
      },
      ...(mysql === undefined
        ? []
        : [{ name: `${BATCH} claims, mysql`, measure: on('mysql', (url) => mysqlClaims(url, mysql)) }]),
      {
        name: `${BATCH} claims, sqlite full`,
        measure: async () => ({ goal: 20, ...(await sqliteClaims(sliceMs)) }),
      },
    ]
  },
}

/** @param {string} url */
async function redisClaims(url) {
  const [hand, client] = [new Redis(url), new Redis(url)]
  const store = redisStore({ client, prefix: 'batches' })
  const pipelined = async () => {
    const pipeline = hand.pipeline()
    for (const key of newKeys(BATCH)) pipeline.set(`hand:${key}`, randomUUID(), 'PX', LEASE_MS, 'NX')
    await pipeline.exec()
  }
  return [
    { what: 'a pipeline of `SET NX`', run: pipelined, close: () => hand.disconnect() },
    { what: 'one `claim`', run: claiming(store), close: closing(store, () => client.disconnect()) },
  ]
}

/** @param {string} url */
async function postgresClaims(url) {
  const [hand, pool] = [openPool(url), openPool(url)]
  await postgresByHand(hand)
  const store = postgresStore({ pool })
  const insert = {
    name: 'hand_claims',
    text: `INSERT INTO hand SELECT id, id, 1, clock_timestamp() + interval '30 s' FROM unnest($1::uuid[]) id
      ON CONFLICT DO NOTHING`,
  }
  return [
    {
      what: 'one insert by hand',
      run: () => hand.query({ ...insert, values: [newKeys(BATCH)] }),
      close: () => hand.end(),
    },
    { what: 'one `claim`', run: claiming(store), close: closing(store, () => pool.end()) },
  ]
}

/** @param {string} url */
async function postgresMessages(url) {
  const [hand, pool] = [openPool(url), openPool(url)]
  await postgresByHand(hand)
  const once = onceOver(postgresStore({ pool }))
  const insert = {
    name: 'hand_effects',
    text: 'INSERT INTO effects SELECT id, body FROM unnest($1::uuid[], $2::text[]) t(id, body)',
  }
  const bodies = Array.from({ length: BATCH }, () => resultJson)
  const ours = async () => {
    const keys = newKeys(BATCH)
    const rows = async (/** @type {import('onlyonce/postgres').PgTx} */ tx) => {
      await tx.query(insert.text, [keys, bodies])
    }
    const outcomes = await once.atomic.batch(keys, rows)
    if (!outcomes.every(({ kind }) => kind === 'executed')) throw new Error('a fresh message was not handled')
  }
  return [
    {
      what: 'the business rows alone',
      run: () => hand.query({ ...insert, values: [newKeys(BATCH), bodies] }),
      close: () => hand.end(),
    },
    {
      what: '`once.atomic.batch` with the rows',
      run: ours,
      close: closing(once.store, async () => {
        await once.close()
        await pool.end()
      }),
    },
  ]
}

/** @param {string} url @param {any} module */
async function mysqlClaims(url, module) {
  const [hand, pool] = [openMysqlPool(url), openMysqlPool(url)]
  const { claims } = await mysqlByHand(hand)
  const store = module.mysqlStore({ pool })
  return [
    { what: 'one insert by hand', run: () => claims(BATCH), close: () => hand.end() },
    { what: 'one `claim`', run: claiming(store), close: closing(store, () => pool.end()) },
  ]
}

/** @param {number} sliceMs */
async function sqliteClaims(sliceMs) {
  const home = mkdtempSync(join(tmpdir(), 'onlyonce-bench-'))
  try {
    const db = await openDatabase(join(home, 'hand.db'))
    db.exec('pragma journal_mode = wal; pragma synchronous = full; create table seen (key text primary key)')
    const insert = db.prepare('insert into seen values (?)')
    const store = sqliteStore({ path: join(home, 'ours.db'), durability: 'full' })
    const sides = [
      { what: 'one transaction each, by hand', run: () => insert.run(newKey()), close: () => db.close() },
      { what: 'one `claim`', run: claiming(store), per: BATCH, close: closing(store, () => {}) },
    ]
    return await contest(sides, { callers: 1, sliceMs })
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

/** @param {import('onlyonce').Store} store */
function claiming(store) {
  return async () => void leasesOf(await store.claim(claimsOf(newKeys(BATCH))))
}

/** @param {AsyncDisposable} store @param {() => unknown} client */
function closing(store, client) {
  return async () => {
    await store[Symbol.asyncDispose]()
    await client()
  }
}
