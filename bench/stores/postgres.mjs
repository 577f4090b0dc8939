import { oneStatement, postgresStore } from 'onlyonce/postgres'
import pg from 'pg'
import { apart } from '../apart.mjs'
import { contest } from '../contest.mjs'
import { contestTable } from '../contest-table.mjs'
import { effect, newKey, resultJson } from '../workload.mjs'
import { CONNECTIONS, INSERT_EFFECT, postgresByHand } from './by-hand/postgres.mjs'
import { onceOver } from './ours.mjs'

const here = (/** @type {string} */ name, /** @type {unknown[]} */ ...args) => apart(import.meta.url, name, ...args)
/** @type {Readonly<Record<number, number>>} */
const LEASED_GOALS = { 1: 0.95, 32: 3, 256: 6 }

/** fsync is on; every side has its own pool of the same size. @type {import('../sections.mjs').Section} */
export const postgres = {
  name: 'postgres',
  table: contestTable,
  cases: ({ servers, sliceMs }) =>
    [1, 32, 256].flatMap((callers) => [
      {
        name: `claim and complete, ${callers} callers`,
        async measure() {
          const { url, pids } = await servers.get('postgres')
          const sides = [await here('hand', url), await here('handGathered', url), await here('leased', url)]
          return { goal: LEASED_GOALS[callers], ...(await contest(sides, { callers, sliceMs, pids })) }
        },
      },
      {
        name: `in one transaction with an insert, ${callers} callers`,
        async measure() {
          const { url, pids } = await servers.get('postgres')
          const sides = [
            await here('transaction', url, false),
            await here('transaction', url, true),
            await here('atomic', url),
          ]
          return { goal: 0.8, ...(await contest(sides, { callers, sliceMs, pids })) }
        },
      },
      {
        name: `in one statement with an insert, ${callers} callers`,
        async measure() {
          const { url, pids } = await servers.get('postgres')
          const sides = [
            await here('transaction', url, false),
            await here('handBeside', url),
            await here('beside', url),
          ]
          return { goal: 1.3, ...(await contest(sides, { callers, sliceMs, pids })) }
        },
      },
    ]),
}

/** @param {string} url */
export function openPool(url) {
  const pool = new pg.Pool({ connectionString: url, max: CONNECTIONS })
  // The server may end before idle connections are closed.
  pool.on('error', () => {})
  return pool
}

/** @param {string} url */
export async function hand(url) {
  const pool = openPool(url)
  const { claimAndComplete } = await postgresByHand(pool)
  return { what: 'two statements by hand', run: claimAndComplete, close: () => pool.end() }
}

/** @param {string} url */
export async function handGathered(url) {
  const pool = openPool(url)
  const { gathered } = await postgresByHand(pool)
  return { what: 'the two by hand, gathered', run: gathered, close: () => pool.end() }
}

/** @param {string} url */
export async function handBeside(url) {
  const pool = openPool(url)
  const { beside: run } = await postgresByHand(pool)
  return { what: 'the key in the same statement by hand', run, close: () => pool.end() }
}

/** @param {string} url */
export async function leased(url) {
  const pool = openPool(url)
  const once = onceOver(postgresStore({ pool }))
  return { what: '`once`', run: () => once(newKey(), effect), close: closing(once, pool) }
}

/** @param {string} url @param {boolean} withKey */
export async function transaction(url, withKey) {
  const pool = openPool(url)
  const { transaction: run } = await postgresByHand(pool)
  const what = withKey ? 'the key inserted beside it by hand' : 'the bare transaction'
  return { what, run: () => run(withKey), close: () => pool.end() }
}

/** @param {string} url */
export async function atomic(url) {
  const pool = openPool(url)
  await postgresByHand(pool)
  const once = onceOver(postgresStore({ pool }))
  const run = () => {
    const key = newKey()
    return once.atomic(key, async (/** @type {import('onlyonce/postgres').PgTx} */ tx) => {
      await tx.query(INSERT_EFFECT, [key, resultJson])
    })
  }
  return { what: '`once.atomic`', run, close: closing(once, pool) }
}

/** @param {string} url */
export async function beside(url) {
  const pool = openPool(url)
  await postgresByHand(pool)
  const once = onceOver(postgresStore({ pool }))
  const run = () => {
    const key = newKey()
    return once.atomic(key, oneStatement(INSERT_EFFECT, [key, resultJson]))
  }
  return { what: '`once.atomic` with `oneStatement`', run, close: closing(once, pool) }
}

/** @param {{ close(): Promise<void>, store: AsyncDisposable }} once @param {pg.Pool} pool */
function closing(once, pool) {
  return async () => {
    await once.close()
    await once.store[Symbol.asyncDispose]()
    await pool.end()
  }
}
