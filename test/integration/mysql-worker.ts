/** Runs in a process of its own, bundled by `mysql-processes.test.ts`: `worker.mjs MODE URL`. */
import mysql from 'mysql2/promise'
import { OnlyonceError, onlyonce } from '../../src/index.ts'
import { mysqlStore } from '../../src/stores/mysql/index.ts'

const [mode, uri = ''] = process.argv.slice(2)
const say = (word: string) => process.stdout.write(`${word}\n`)

const pool = mysql.createPool({ uri, connectionLimit: 8 })
const store = mysqlStore({ pool })

if (mode === 'migrate') {
  const { from, to } = await store.migrate()
  say(`${from} ${to}`)
} else if (mode === 'leased') {
  // An engine for each caller, since one joins its own callers before it asks the store.
  const answers = await Promise.all(
    Array.from({ length: 34 }, async () => {
      const once = onlyonce({ store, scope: 'hammer', onInFlight: 'wait', waitMs: 15_000 })
      return once('key', async () => {
        await pool.query("INSERT INTO effects VALUES ('leased')")
        return process.pid
      })
    }),
  )
  say(`answers ${[...new Set(answers)].join(' ')}`)
} else if (mode === 'atomic') {
  const answers = await Promise.all(
    Array.from({ length: 34 }, async () => {
      const once = onlyonce({ store, scope: 'hammer' })
      for (;;) {
        try {
          return await once.atomic('key', async (tx) => {
            await tx.query("INSERT INTO effects VALUES ('atomic')")
            return process.pid
          })
        } catch (error) {
          if (!OnlyonceError.is(error) || !error.retryable) throw error
        }
      }
    }),
  )
  say(`answers ${[...new Set(answers)].join(' ')}`)
}
await store[Symbol.asyncDispose]()
await pool.end()
