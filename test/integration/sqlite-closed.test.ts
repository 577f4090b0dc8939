import { describe, expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'
import { all, insert, rawDatabase, tempFile } from './sqlite-helpers.ts'

/** libsql ends the process when a closed connection is asked whether it is in a transaction: these are red by that. */
describe('a connection of the caller that was closed', () => {
  async function lent() {
    const path = tempFile()
    const database = await rawDatabase(path)
    const store = sqliteStore({ database, busyTimeoutMs: 200 })
    await store.transaction(async (tx) => tx.exec('CREATE TABLE effects (key TEXT)'))
    return { path, database, store, once: onlyonce({ store, scope: 'test' }) }
  }

  it('is refused by every call, also as `tx`', async () => {
    const { database, store, once } = await lent()
    database.close()
    const refused = { code: 'STORE_UNAVAILABLE', message: expect.stringMatching(/not open/) }
    await expect(store.find([])).rejects.toMatchObject(refused)
    await expect(once('a', () => expect.fail('ran'))).rejects.toMatchObject(refused)
    await expect(once.atomic('a', () => expect.fail('ran'))).rejects.toMatchObject(refused)
    const joined = once.atomic('a', () => expect.fail('ran'), { tx: database })
    await expect(joined).rejects.toMatchObject({ code: 'OPTION_INVALID', message: expect.stringMatching(/no open/) })
    await store[Symbol.asyncDispose]()
  })

  it('under an effect commits nothing of it', async () => {
    const { path, database, once } = await lent()
    const effect = once.atomic('a', async (tx) => {
      insert(tx)
      database.close()
      insert(tx)
    })
    await expect(effect).rejects.toThrow()
    const again = await rawDatabase(path)
    expect(all(again, 'SELECT key FROM effects')).toEqual([])
    const other = onlyonce({ store: sqliteStore({ database: again }), scope: 'test' })
    expect(await other.find('a')).toBeUndefined()
  })
})
