import pg from 'pg'
import { expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import type { PostgresStoreOptions } from '../../src/stores/postgres/index.ts'
import { later, tidily } from '../support/leftovers.ts'
import { testDatabase } from '../support/postgres.ts'
import { describeWith } from '../support/services.ts'

/** As what watches queries may do: it passes on a copy of what it is given. */
class Copying extends pg.Client {
  override query(...given: unknown[]): never {
    const [config, ...rest] = given
    const copy = typeof config === 'string' ? config : { ...(config as object) }
    return (super.query as (...given: unknown[]) => unknown)(copy, ...rest) as never
  }
}

/** As dd-trace does: what is asked for the text is a getter that belongs to it. */
class Redefining extends pg.Client {
  override query(...given: unknown[]): never {
    const [config] = given
    if (typeof config === 'object') {
      const { text } = config as { text: string }
      Object.defineProperty(config, 'text', { get: () => text })
    }
    return (super.query as (...given: unknown[]) => unknown)(...given) as never
  }
}

/** As a logger may do: it passes on a text with its values, and nothing else. */
class Narrowing extends pg.Client {
  override query(...given: unknown[]): never {
    const [config, values] = given
    const { text = config, values: own = values } = Object(config) as { text?: unknown; values?: unknown }
    return (super.query as (...given: unknown[]) => unknown)(text, own) as never
  }
}

class Awaiting extends pg.Client {
  override async query(...given: unknown[]): Promise<never> {
    return (await (super.query as (...given: unknown[]) => unknown)(...given)) as never
  }
}

describeWith('postgres', (url) => {
  async function opened(pooling: pg.PoolConfig, options: Partial<PostgresStoreOptions> = {}) {
    const database = tidily(await testDatabase(url), (it) => it.close())
    const pool = tidily(new pg.Pool({ connectionString: url, max: 1, ...pooling }), (it) => it.end())
    const open = () => {
      const store = database.store({ pool, ...options })
      later(() => store[Symbol.asyncDispose]())
      return { store, once: onlyonce({ store, scope: 'test' }) }
    }
    return { database, pool, open }
  }

  it.each<[string, pg.PoolConfig, Partial<PostgresStoreOptions>]>([
    ['as they are', {}, {}],
    ['whose queries are copied on their way', { Client: Copying as never }, {}],
    ['whose queries get another text on their way', { Client: Redefining as never }, {}],
    ['of whose queries only text and values are passed on', { Client: Narrowing as never }, {}],
    ['whose queries are awaited on their way', { Client: Awaiting as never }, {}],
    ['with a time limit of their own', { query_timeout: 5_000 }, {}],
    ['that pipeline', { pipeline: true }, {}],
    ['without prepared statements', {}, { prepare: false }],
    ['with binary results', { binary: true } as never, {}],
  ])('claims travel with what begins a transaction on connections %s', async (_, pooling, options) => {
    const { open } = await opened(pooling, options)
    const { store, once } = open()
    for (const round of [1, 2, 3]) {
      await store.transaction(async (tx) => {
        for (const key of ['a', 'b']) await once.atomic(`${key}${round}`, async () => ({ key }), { tx })
      })
      const declined = () => Promise.reject(new Error('declined'))
      const failed = await once.atomic.attempt(`c${round}`, declined, { onThrow: 'remember' })
      expect(failed).toMatchObject({ kind: 'failed', replayed: false })
      for (const key of ['a', 'b']) expect(await once.atomic(`${key}${round}`, async () => 'again')).toEqual({ key })
      expect(await once.atomic.attempt(`c${round}`, declined)).toMatchObject({ kind: 'failed', replayed: true })
    }
  })

  it('two stores on one connection know what the other had parsed there', async () => {
    const { open } = await opened({})
    const stores = [open(), open()]
    for (const round of [1, 2]) {
      for (const [index, { once, store }] of stores.entries()) {
        const key = `${round} ${index}`
        expect(await once.atomic(key, async () => key)).toBe(key)
        expect(await once(`leased ${key}`, () => key)).toBe(key)
        const held = await store.transaction((tx) => once.atomic.attempt(key, async () => 'again', { tx }))
        expect(held).toMatchObject({ kind: 'replayed', value: key })
      }
    }
  })

  it('a claim that `statement_timeout` stops while it waits for a rival is in flight', async () => {
    const { open } = await opened({ max: 2, statement_timeout: 1_000 })
    const { once } = open()
    const { once: rival } = open()
    await once.atomic('key', async () => {
      for (const _ of [1, 2]) expect((await rival.atomic.attempt('key', async () => {})).kind).toBe('in-flight')
    })
    expect(await rival.atomic('key', async () => 'again')).toBe(undefined)
  })

  it('a claim that is refused for its lock leaves the connection as it was', async () => {
    const { open, pool } = await opened({ max: 2 }, { lockWaitMs: 50 })
    const { once } = open()
    const { once: rival } = open()
    await once.atomic('key', async () => {
      for (const _ of [1, 2, 3]) expect((await rival.atomic.attempt('key', async () => {})).kind).toBe('in-flight')
    })
    expect(await rival.atomic('key', async () => 'again')).toBe(undefined)
    expect([pool.totalCount, pool.idleCount]).toEqual([2, 2])
  })
})
