import mysql2 from 'mysql2/promise'
import { apart } from '../apart.mjs'
import { contest } from '../contest.mjs'
import { contestTable } from '../contest-table.mjs'
import { effect, newKey, resultJson } from '../workload.mjs'
import { CONNECTIONS, INSERT_EFFECT, mysqlByHand } from './by-hand/mysql.mjs'
import { onceOver, storeModule } from './ours.mjs'

const here = (/** @type {string} */ name, /** @type {string} */ url) => apart(import.meta.url, name, url)

/** Every commit is flushed to disk; every side has its own pool of the same size. @type {import('../sections.mjs').Section} */
export const mysql = {
  name: 'mysql',
  table: contestTable,
  async cases({ servers, sliceMs }) {
    if ((await storeModule('mysql')) === undefined) return []
    return [1, 32, 256].flatMap((callers) => [
      {
        name: `claim and complete, ${callers} callers`,
        async measure() {
          const { url, pids } = await servers.get('mysql')
          return contest([await here('hand', url), await here('leased', url)], { callers, sliceMs, pids })
        },
      },
      {
        name: `in one transaction with an insert, ${callers} callers`,
        async measure() {
          const { url, pids } = await servers.get('mysql')
          return contest([await here('bare', url), await here('atomic', url)], { callers, sliceMs, pids })
        },
      },
    ])
  },
}

/** @param {string} url */
export function openMysqlPool(url) {
  return mysql2.createPool({ uri: url, connectionLimit: CONNECTIONS })
}

/** @param {string} url */
export async function hand(url) {
  const pool = openMysqlPool(url)
  const { claimAndComplete } = await mysqlByHand(pool)
  return { what: 'two statements by hand', run: claimAndComplete, close: () => pool.end() }
}

/** @param {string} url */
export async function bare(url) {
  const pool = openMysqlPool(url)
  const { transaction } = await mysqlByHand(pool)
  return { what: 'the bare transaction', run: transaction, close: () => pool.end() }
}

/** @param {string} url */
export async function leased(url) {
  const module = await storeModule('mysql')
  const pool = openMysqlPool(url)
  const once = onceOver(module.mysqlStore({ pool }))
  return { what: '`once`', run: () => once(newKey(), effect), close: closing(once, pool) }
}

/** @param {string} url */
export async function atomic(url) {
  const module = await storeModule('mysql')
  const pool = openMysqlPool(url)
  await mysqlByHand(pool)
  const once = /** @type {any} */ (onceOver(module.mysqlStore({ pool })))
  const run = () => {
    const key = newKey()
    const id = Buffer.from(key.replaceAll('-', ''), 'hex')
    return once.atomic(key, async (/** @type {import('mysql2/promise').Connection} */ tx) => {
      await tx.query(INSERT_EFFECT, [id, resultJson])
    })
  }
  return { what: '`once.atomic`', run, close: closing(once, pool) }
}

/** @param {{ close(): Promise<void>, store: AsyncDisposable }} once @param {import('mysql2/promise').Pool} pool */
function closing(once, pool) {
  return async () => {
    await once.close()
    await once.store[Symbol.asyncDispose]()
    await pool.end()
  }
}
