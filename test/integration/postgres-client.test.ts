import pg from 'pg'
import { expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { oneStatement } from '../../src/stores/postgres/index.ts'
import { refusal } from '../support/rejections.ts'
import { describeWith } from '../support/services.ts'
import { codeOf, effectsOn } from './postgres-effects.ts'

describeWith('postgres', (url) => {
  const { database, leftovers, effects, insert } = effectsOn(url)

  async function onClient(options: pg.ClientConfig = {}) {
    const client = new pg.Client({ connectionString: url, ...options })
    await client.connect()
    const store = database().store({ client })
    leftovers.push(async () => {
      await store[Symbol.asyncDispose]()
      await client.end()
    })
    return { client, store, once: onlyonce({ store, scope: 'test' }) }
  }

  it('a client whose transaction could not be ended is not used again, and says what to do', async () => {
    const { store, once } = await onClient({ query_timeout: 300 })
    await store.migrate()
    const slow = once.atomic('slow', async (tx) => {
      await tx.query('SELECT pg_sleep(1)')
      await tx.query(insert('slow'))
    })
    await expect(slow).rejects.toThrow('Query read timeout')
    await new Promise((over) => setTimeout(over, 1_000))
    const asked = [
      () => once.atomic('other', async (tx) => void (await tx.query(insert('other')))),
      () => once('leased', () => {}),
    ]
    for (const ask of [...asked, () => store.migrate()]) {
      const error = await refusal(ask() as Promise<unknown>)
      expect([error.code, error.message]).toEqual(['STORE_UNAVAILABLE', expect.stringMatching(/open a new store/)])
    }
    expect(await effects()).toEqual([])
  })

  it.each(['once', 'once.atomic', 'oneStatement'])('%s on a client that is gone is no doubt', async (which) => {
    const { client, once } = await onClient()
    await once('warm', () => 1)
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid')
    const gone = new Promise((over) => client.once('end', over))
    await database().sql('SELECT pg_terminate_backend($1)', [rows[0].pid])
    await gone
    const ask = () => {
      if (which === 'once') return once('key', () => 1)
      return once.atomic('key', which === 'once.atomic' ? async () => {} : oneStatement(insert('key')))
    }
    expect([await codeOf(ask()), await codeOf(ask())]).toEqual(['STORE_UNAVAILABLE', 'STORE_UNAVAILABLE'])
  })

  it('a client in a transaction of the caller’s is not written to, but for what joins it', async () => {
    const { client, store, once } = await onClient()
    await store.migrate()
    await client.query('BEGIN')
    for (const ask of [() => once('key', () => 1), () => once.atomic('key', () => 1), () => store.sweep(1)]) {
      const error = await refusal(ask() as Promise<unknown>)
      expect([error.code, error.message]).toEqual(['OPTION_INVALID', expect.stringMatching(/a client of its own/)])
    }
    await once.atomic('joined', async (tx) => void (await tx.query(insert('joined'))), { tx: client })
    void client.query('COMMIT')
    expect([await once('key', () => 2), await effects()]).toEqual([2, ['joined']])
    expect((await once.find('joined'))?.state).toBe('done')
  })

  it('an error of the caller’s own that speaks of a lost connection costs the client nothing', async () => {
    const { store, once } = await onClient()
    const elsewhere = Object.assign(new Error('connection terminated'), { code: 'ECONNRESET' })
    expect(await codeOf(store.transaction(() => Promise.reject(elsewhere)))).toBe(elsewhere)
    expect(await codeOf(once.atomic('key', () => Promise.reject(elsewhere)))).toBe(elsewhere)
    expect(await once.atomic('key', async () => 'fine')).toBe('fine')
  })

  it('a client that was read-only for a while is used again', async () => {
    const { client, store, once } = await onClient()
    await store.migrate()
    for (const ask of [(key: string) => once(key, () => 1), (key: string) => once.atomic(key, async () => 1)]) {
      await client.query('SET default_transaction_read_only = on')
      expect(await codeOf(ask('key'))).toBe('STORE_UNAVAILABLE')
      await client.query('SET default_transaction_read_only = off')
      expect(await ask(`key after ${ask}`)).toBe(1)
    }
  })

  it('a migration that was refused costs the client nothing', async () => {
    const { client, store } = await onClient()
    const { schema } = database()
    await client.query(`CREATE TABLE "${schema}".operations (id int)`)
    await expect(store.migrate()).rejects.toThrow(/already exists/)
    await client.query(`DROP TABLE "${schema}".operations`)
    expect((await store.migrate()).from).toBe(0)
  })
})
