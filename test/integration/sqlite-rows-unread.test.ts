import { expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { type SqliteTx, sqliteStore } from '../../src/stores/sqlite/index.ts'
import { all, rawDatabase, tempFile, withEffects } from './sqlite-helpers.ts'

const RETURNING = "INSERT INTO effects (key) VALUES (?), ('and another') RETURNING key"

it('an effect may `run` what returns rows: it commits, and its changes are counted', async () => {
  const { store, effects } = await withEffects()
  const once = onlyonce({ store, scope: 'test' })
  expect(await once.atomic('a', (tx) => Number(tx.prepare(RETURNING).run('a').changes))).toBe(2)
  const reading = async (tx: SqliteTx) => {
    tx.prepare('SELECT key FROM effects').run()
    tx.prepare('DELETE FROM effects WHERE key = ? RETURNING key').run('a')
  }
  await once.atomic('b', reading)
  expect(effects()).toBe(1)
  expect((await once.find('a'))?.state).toBe('done')
})

it('a statement that the caller has left open does not leave a transaction open for ever', async () => {
  const database = await rawDatabase(tempFile())
  const store = sqliteStore({ database, busyTimeoutMs: 300 })
  await store.transaction(async (tx) => tx.exec('CREATE TABLE effects (key TEXT)'))
  const mine = database.prepare(RETURNING)
  mine.run('mine')
  const tryIt = () => store.transaction(async (tx) => tx.exec("INSERT INTO effects (key) VALUES ('theirs')"))
  await tryIt().catch(() => {})
  mine.all('mine')
  await tryIt()
  expect(all(database, "SELECT key FROM effects WHERE key = 'theirs'").length).toBeGreaterThan(0)
})
