import { join } from 'node:path'
import { onlyonce } from 'onlyonce'
import { sqliteStore } from 'onlyonce/sqlite'

let files = 0

/** Both sides on the same driver and durability: a business row, and beside it a row that remembers the key. @param {string} home @returns {import('./slices.mjs').Case[]} */
export function sqliteCases(home) {
  const cases = []
  for (const durability of /** @type {const} */ (['normal', 'full'])) {
    for (const callers of [1, 32, 256]) {
      cases.push(
        {
          name: `sqlite ${durability}: effect and record in one transaction`,
          callers,
          base: () => byHand(home, durability),
          ours: async () => {
            const store = sqliteStore({ path: join(home, `${++files}.db`), durability })
            await store.transaction(async (tx) => tx.exec('create table effects (n integer)'))
            const once = onlyonce({ store, scope: 'bench' })
            const run = (/** @type {number} */ n) =>
              once.atomic(`order:${n}`, (tx) => void tx.prepare('insert into effects values (?)').run(n))
            return { what: 'once.atomic', run, close: () => store[Symbol.asyncDispose]() }
          },
        },
        {
          name: `sqlite ${durability}: claim and complete around an effect elsewhere`,
          callers,
          base: () => byHand(home, durability),
          ours: async () => {
            const store = sqliteStore({ path: join(home, `${++files}.db`), durability })
            const once = onlyonce({ store, scope: 'bench' })
            const run = (/** @type {number} */ n) => once(`order:${n}`, async () => ({ receipt: n }))
            return { what: 'once', run, close: () => store[Symbol.asyncDispose]() }
          },
        },
      )
    }
  }
  return cases
}

/** One transaction by hand: insert the key, insert the row, commit. @param {string} home @param {'normal' | 'full'} durability */
async function byHand(home, durability) {
  const path = join(home, `${++files}.db`)
  const db = await openDatabase(path)
  db.exec(`pragma journal_mode = wal; pragma synchronous = ${durability}`)
  db.exec('create table effects (n integer); create table seen (key text primary key)')
  const insertKey = db.prepare('insert into seen values (?)')
  const insertRow = db.prepare('insert into effects values (?)')
  const run = (/** @type {number} */ n) => {
    db.exec('begin immediate')
    insertKey.run(`order:${n}`)
    insertRow.run(n)
    db.exec('commit')
  }
  return { what: 'one transaction', run, close: () => db.close() }
}

/** @param {string} path @returns {Promise<any>} */
export async function openDatabase(path) {
  const native = /** @type {any} */ (process.getBuiltinModule?.('node:sqlite'))
  if (native !== undefined) return new native.DatabaseSync(path)
  const { default: Database } = await import('libsql')
  return new Database(path)
}
