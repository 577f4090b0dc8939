import type { Socket } from 'node:net'
import pg from 'pg'
import { expect, it } from 'vitest'
import { OnlyonceError, onlyonce } from '../../src/index.ts'
import { oneStatement, type PgTx } from '../../src/stores/postgres/index.ts'
import type { createProxy } from '../support/proxy.ts'
import { describeWith } from '../support/services.ts'
import { codeOf, effectsOn } from './postgres-effects.ts'

describeWith('postgres', (url) => {
  const { database, leftovers, effects, insert, throughProxy } = effectsOn(url)

  /** Loses the answer to the next COMMIT, which the server has served. */
  function loseCommit(proxy: Awaited<ReturnType<typeof createProxy>>): { readonly lost: number } {
    const seen = { lost: 0 }
    proxy.onRequest = (chunk) => {
      if (chunk.includes('; COMMIT') && seen.lost === 0) {
        seen.lost++
        proxy.dropReplies()
      }
      return undefined
    }
    return seen
  }

  /** From now on the COMMIT of an effect takes a while. */
  async function slowEffects(): Promise<void> {
    const { schema } = database()
    await database().sql(`CREATE FUNCTION "${schema}".slow() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN PERFORM pg_sleep(0.8); RETURN NULL; END'`)
    await database().sql(`CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON "${schema}".effects
      DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "${schema}".slow()`)
  }

  it.each([1, 5])('a COMMIT whose answer is lost is found to have happened, with a pool of %i', async (max) => {
    const { proxy, once } = await throughProxy(max)
    await once.atomic('warm', async () => {})
    const seen = loseCommit(proxy)
    const value = await once.atomic('key', async (tx) => {
      await tx.query(insert('key'))
      return 'done'
    })
    expect([value, seen.lost, await effects()]).toEqual(['done', 1, ['key']])
    expect(await once.atomic('key', async () => 'again')).toBe('done')
  })

  it('a COMMIT that takes longer than `query_timeout` of the pool is found to have happened', async () => {
    const pool = new pg.Pool({ connectionString: url, max: 2, query_timeout: 300 })
    const store = database().store({ pool })
    leftovers.push(async () => {
      await store[Symbol.asyncDispose]()
      await pool.end()
    })
    await slowEffects()
    const once = onlyonce({ store, scope: 'test' })
    const value = await once.atomic('key', async (tx) => {
      await tx.query(insert('key'))
      return 'done'
    })
    expect([value, await effects()]).toEqual(['done', ['key']])
  })

  it.each(['ENETDOWN', 'EPROTO', 'EPIPE', 'ERR_SSL_BAD_RECORD_MAC'])(
    'a COMMIT whose connection dies of %s is found to have happened',
    async (code) => {
      const { pool, once } = await throughProxy(2)
      await slowEffects()
      await once.atomic('warm', async () => {})
      let lost = 0
      pool.on('acquire', (client) => {
        const query = client.query.bind(client) as (...given: unknown[]) => unknown
        client.query = ((...given: unknown[]) => {
          const answer = query(...given)
          if (!String(given[0]).includes('; COMMIT') || lost++ > 0) return answer
          const { stream } = (client as unknown as { connection: { stream: Socket } }).connection
          setTimeout(() => stream.destroy(Object.assign(new Error(`write ${code}`), { code })), 200)
          return answer
        }) as never
      })
      const value = await once.atomic('key', async (tx) => {
        await tx.query(insert('key'))
        return 'done'
      })
      expect([value, lost, await effects()]).toEqual(['done', 1, ['key']])
    },
  )

  it('a lost COMMIT of a transaction without a claim is OUTCOME_UNKNOWN, and not called undone', async () => {
    const { proxy, store } = await throughProxy(2)
    const seen = loseCommit(proxy)
    const code = await codeOf(store.transaction((tx) => tx.query(insert('key'))))
    expect([code, seen.lost, await effects()]).toEqual(['OUTCOME_UNKNOWN', 1, ['key']])
  })

  it('a COMMIT that was never sent, because its connection had died before, is no doubt', async () => {
    const { proxy, pool, store } = await throughProxy(2)
    const error = await store
      .transaction(async (tx) => {
        await tx.query(insert('key'))
        const gone = new Promise((over) => pool.once('remove', over))
        const [client] = (pool as unknown as { _clients: pg.PoolClient[] })._clients
        const died = new Promise((over) => client?.once('error', over))
        proxy.cut()
        await Promise.race([gone, died])
        proxy.resume()
      })
      .catch((thrown) => thrown)
    expect([OnlyonceError.is(error), String(error), await effects()]).toEqual([
      false,
      expect.stringContaining('not queryable'),
      [],
    ])
  })

  it.each(['once.atomic', 'oneStatement'])('what a constraint refuses at COMMIT fails %s', async (which) => {
    const { store, once } = await throughProxy(2)
    const { schema } = database()
    await database().sql(`ALTER TABLE "${schema}".effects ADD UNIQUE (key) DEFERRABLE INITIALLY DEFERRED`)
    const add = insert('key')
    const effect = which === 'oneStatement' ? oneStatement(add) : async (tx: PgTx) => void (await tx.query(add))
    await once.atomic('first', effect)
    const refused = { code: '23505', constraint: 'effects_key_key' }
    expect(await once.atomic.attempt('second', effect)).toMatchObject({ kind: 'failed', error: refused })
    expect(await once.find('second')).toBe(undefined)
    expect(await codeOf(store.transaction((tx) => tx.query(add)))).toMatchObject(refused)
    expect(await effects()).toEqual(['key'])
  })

  it.each([
    ['a rule of the user', 'P0001', 'failed'],
    ['a disk that cannot be written', '58030', 'STORE_UNAVAILABLE'],
    ['a fault of the server', 'XX000', 'STORE_UNAVAILABLE'],
  ])('%s at COMMIT is told from the effect (%s)', async (_, code, expected) => {
    const { once } = await throughProxy(2)
    const { schema } = database()
    await database().sql(`CREATE FUNCTION "${schema}".refuse() RETURNS trigger LANGUAGE plpgsql
      AS $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '${code}'; END $$`)
    await database().sql(`CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON "${schema}".effects
      DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "${schema}".refuse()`)
    const reached = once.atomic.attempt('key', async (tx) => void (await tx.query(insert('key'))))
    expect(
      await reached.then(
        ({ kind }) => kind,
        (error: OnlyonceError) => error.code,
      ),
    ).toBe(expected)
    expect(await effects()).toEqual([])
  })

  it('a connection that falls silent costs one time limit', async () => {
    const { proxy, once } = await throughProxy(2, { timeoutMs: 1_000, lockWaitMs: 1_000 })
    await once.atomic('warm', async () => {})
    proxy.onRequest = (chunk) => (chunk.includes('BEGIN') ? 'drop' : undefined)
    const askedAt = performance.now()
    expect(await codeOf(once.atomic('key', async () => {}))).toBe('STORE_UNAVAILABLE')
    expect(performance.now() - askedAt).toBeLessThan(3_500)
  }, 15_000)

  it('what an effect throws on a connection that is lost stays its error, unless it says that very thing', async () => {
    const { proxy, once } = await throughProxy(2)
    const mine = new TypeError('not of the connection')
    const thrown = once.atomic('key', async () => {
      proxy.cut()
      throw mine
    })
    expect(await codeOf(thrown)).toBe(mine)
    proxy.resume()
    const lost = once.atomic('key', async (tx) => {
      proxy.cut()
      await tx.query(insert('key'))
    })
    expect(await codeOf(lost)).toBe('STORE_UNAVAILABLE')
    proxy.resume()
    expect(await once.atomic('key', async () => 'fine')).toBe('fine')
  })

  it('a ROLLBACK that is never answered is not waited for for ever', async () => {
    const { proxy, pool, once } = await throughProxy(1, { timeoutMs: 500, lockWaitMs: 500 })
    await once.atomic('warm', async () => {})
    let dropped = 0
    proxy.onRequest = (chunk) =>
      chunk.length < 20 && chunk.includes('ROLLBACK') && dropped++ === 0 ? 'drop' : undefined
    const swallows = once.atomic('key', async (tx) => void (await tx.query('SELECT nonsense').catch(() => {})))
    expect([await codeOf(swallows), dropped]).toEqual(['STORE_UNAVAILABLE', 1])
    expect(await once.atomic('after', async () => 'fine')).toBe('fine')
    expect(pool.totalCount).toBe(1)
  }, 10_000)

  it('a COMMIT that never reached the server is found not to have happened, and may be asked for again', async () => {
    const { proxy, once } = await throughProxy(2)
    await once.atomic('warm', async () => {})
    let lost = 0
    proxy.onRequest = (chunk) => (chunk.includes('; COMMIT') && lost++ === 0 ? 'cut' : undefined)
    const effect = async (tx: { query(text: string): Promise<unknown> }) => void (await tx.query(insert('key')))
    expect(await codeOf(once.atomic('key', effect))).toBe('STORE_UNAVAILABLE')
    expect([lost, await effects()]).toEqual([1, []])
    await once.atomic('key', effect)
    expect(await effects()).toEqual(['key'])
  })

  it('a COMMIT that happened is not unknown because its record cannot be read at once', async () => {
    const { proxy, pool, once } = await throughProxy(2)
    await once.atomic('warm', async () => {})
    const seen = loseCommit(proxy)
    let reads = 0
    pool.on('connect', (client) => {
      const query = client.query.bind(client) as (...given: unknown[]) => unknown
      client.query = ((given: unknown, ...rest: unknown[]) => {
        const { text = '' } = Object(given) as { text?: string }
        if (!text.includes('OFFSET 0') || ++reads > 1) return query(given, ...rest)
        return Promise.reject(new Error('a moment, please'))
      }) as never
    })
    const value = await once.atomic('key', async (tx) => {
      await tx.query(insert('key'))
      return 'done'
    })
    expect([value, seen.lost, reads]).toEqual(['done', 1, 2])
  })

  it("a COMMIT that only its number calls committed is OUTCOME_UNKNOWN: after a promotion it is a stranger's", async () => {
    const { proxy, pool, once } = await throughProxy(2)
    await once.atomic('warm', async () => {})
    proxy.onRequest = (chunk) => (chunk.includes('; COMMIT') ? 'cut' : undefined)
    pool.on('connect', (client) => {
      const query = client.query.bind(client) as (...given: unknown[]) => unknown
      client.query = ((given: unknown, ...rest: unknown[]) => {
        const { text = '', callback } = Object(given) as { text?: string; callback(error: null, rows: unknown): void }
        if (!text.includes('pg_xact_status')) return query(given, ...rest)
        return callback(null, [{ status: 'committed' }])
      }) as never
    })
    const effect = async (tx: { query(text: string): Promise<unknown> }) => void (await tx.query(insert('key')))
    expect(await codeOf(once.atomic('key', effect))).toBe('OUTCOME_UNKNOWN')
    expect(await effects()).toEqual([])
  })
})
