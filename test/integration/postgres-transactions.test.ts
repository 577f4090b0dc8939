import pg from 'pg'
import { expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { describeWith } from '../support/services.ts'
import { codeOf, effectsOn } from './postgres-effects.ts'

describeWith('postgres', (url) => {
  const { database, leftovers, effects, insert, throughProxy } = effectsOn(url)

  it('what an effect left behind reaches nobody else on its connection', async () => {
    const pool = new pg.Pool({ connectionString: url, max: 1 })
    const own = database().store({ pool })
    leftovers.push(async () => {
      await own[Symbol.asyncDispose]()
      await pool.end()
    })
    let goOn: () => void = () => {}
    const gate = new Promise<void>((resolve) => {
      goOn = resolve
    })
    let slow: Promise<unknown> = Promise.resolve()
    const outer = onlyonce({ store: own, scope: 'test' })
    const failed = outer.atomic('outer', async (tx) => {
      await new Promise<void>((begun) => {
        slow = codeOf(
          outer.atomic(
            'slow',
            async (inner) => {
              begun()
              await gate
              await inner.query('SELECT 1')
            },
            { tx },
          ),
        )
      })
      throw new Error('beside it')
    })
    expect(await codeOf(failed)).toMatchObject({ message: 'beside it' })
    const stranger = await pool.connect()
    await stranger.query('BEGIN')
    goOn()
    await slow
    expect((await stranger.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    await stranger.query('COMMIT')
    stranger.release()
  })

  it.each([
    ['', false],
    [', also by a connection that pipelines', true],
  ])('what nobody waited for is written before the COMMIT%s', async (_, pipeline) => {
    const pool = new pg.Pool({ connectionString: url, max: 2, pipeline } as pg.PoolConfig)
    const store = database().store({ pool })
    leftovers.push(async () => {
      await store[Symbol.asyncDispose]()
      await pool.end()
    })
    const message = { id: 'm1', topic: 'paid', body: Buffer.from('x'), headers: {} }
    let appended: Promise<unknown> = Promise.resolve()
    await onlyonce({ store, scope: 'test' }).atomic('warm', async () => {})
    await store.transaction(async (tx) => {
      appended = codeOf(store.outbox.append(tx, [message]))
    })
    const code = await appended
    const { waiting } = await store.outbox.stats()
    expect([code, waiting]).toEqual(['resolved', 1])
  })

  it('an effect that commits, rolls back, or does so and begins again is OUTCOME_UNKNOWN', async () => {
    const once = onlyonce({ store: database().store(), scope: 'test' })
    for (const [index, ending] of ['COMMIT', 'ROLLBACK', 'COMMIT; BEGIN', 'ROLLBACK; BEGIN; SAVEPOINT x'].entries()) {
      const work = once.atomic(`key-${index}`, async (tx) => {
        await tx.query(insert(ending))
        await tx.query(ending)
      })
      expect(await codeOf(work), ending).toBe('OUTCOME_UNKNOWN')
    }
    expect(await effects()).toEqual(['COMMIT', 'COMMIT; BEGIN'])
    expect(await once.atomic('after', async () => 'fine')).toBe('fine')
  })

  it('an effect that swallows the error of a statement commits nothing, and says so', async () => {
    const once = onlyonce({ store: database().store(), scope: 'test' })
    const work = once.atomic('key', async (tx) => {
      await tx.query(insert('key'))
      await tx.query('SELECT nonsense').catch(() => {})
    })
    expect(await codeOf(work)).toBe('STORE_UNAVAILABLE')
    expect([await effects(), await once.find('key')]).toEqual([[], undefined])
  })

  it('a handle that outlives its transaction refuses to write', async () => {
    const store = database().store()
    let late: { query(text: string): Promise<unknown> } | undefined
    await store.transaction(async (tx) => {
      late = tx
    })
    expect(await codeOf(late?.query(insert('late')) as Promise<unknown>)).toBe('CLOSED')
  })

  it('a call from inside a transaction on a pool of one fails soon and says why; with room it works', async () => {
    const pool = new pg.Pool({ connectionString: url, max: 1 })
    leftovers.push(() => pool.end())
    const tight = onlyonce({ store: database().store({ pool }), scope: 'test' })
    expect(await codeOf(tight.atomic('outer', () => tight.find('inner')))).toBe('OPTION_INVALID')
    expect(await tight.atomic('later', async () => 'fine')).toBe('fine')
    const roomy = onlyonce({ store: database().store(), scope: 'test' })
    expect(await roomy.atomic('outer', () => roomy('inner', () => 'inside'))).toBe('inside')
  })

  it("joins the caller's own transaction, and commits or vanishes with it", async () => {
    const once = onlyonce({ store: database().store(), scope: 'test' })
    await once('warm', () => {})
    const client = await database().pool.connect()
    try {
      for (const ending of ['ROLLBACK', 'COMMIT']) {
        await client.query('BEGIN')
        await once.atomic('key', async (tx) => void (await tx.query(insert('key'))), { tx: client })
        await client.query(ending)
        expect(await effects()).toEqual(ending === 'COMMIT' ? ['key'] : [])
      }
      expect((await once.find('key'))?.state).toBe('done')
      expect(await codeOf(once.atomic('no-begin', async () => {}, { tx: client }))).toBe('OPTION_INVALID')
      await client.query('BEGIN')
      const ends = once.atomic('ends', async (tx) => void (await tx.query('COMMIT')), { tx: client })
      expect(await codeOf(ends)).toBe('OUTCOME_UNKNOWN')
    } finally {
      client.release()
    }
  })

  it('a rival waits for the row as long as lockWaitMs, then is told that it is running, and its transaction goes on', async () => {
    const store = database().store({ lockWaitMs: 100 })
    const once = onlyonce({ store, scope: 'test' })
    await once.atomic('key', async () => {
      expect((await onlyonce({ store, scope: 'test' }).atomic.attempt('key', async () => {})).kind).toBe('in-flight')
      await store.transaction(async (tx) => {
        const answer = await onlyonce({ store, scope: 'test' }).atomic.attempt('key', async () => {}, { tx })
        expect(answer.kind).toBe('in-flight')
        await tx.query(insert('went on'))
        const { rows } = await tx.query('SHOW lock_timeout')
        expect(rows[0].lock_timeout).toBe('0')
      })
    })
    expect(await effects()).toEqual(['went on'])
  })

  it.each([
    ['', {}],
    [' in partitions', { partitions: { everyMs: 3_600_000, keep: 100 } }],
  ])("a claim leaves the caller's own lock timeout as it was, whatever it finds%s", async (_, options) => {
    const store = database().store(options)
    await store.migrate()
    const once = onlyonce({ store, scope: 'test', leaseMs: 50, retentionMs: 3_600_000 })
    await once('done', () => {})
    await once('released', () => Promise.reject(new Error('no'))).catch(() => {})
    await store.transaction(async (tx) => {
      for (const own of ['1234ms', '5s', '0']) {
        await tx.query(`SET LOCAL lock_timeout = '${own}'`)
        for (const key of ['done', 'released', `new ${own}`, 'done']) {
          await once.atomic.attempt(key, async () => {}, { tx })
          const { rows } = await tx.query('SHOW lock_timeout')
          expect([key, rows[0].lock_timeout]).toEqual([key, own])
        }
      }
    })
  })

  it('a claim inside a transaction costs one round trip, and one with its beginning', async () => {
    const { proxy, store, once } = await throughProxy(1)
    const effect = async (tx: { query(text: string): Promise<unknown> }) => void (await tx.query(insert('x')))
    await once.atomic('warm', effect)
    const before = proxy.roundTrips
    await once.atomic('key', effect)
    expect(proxy.roundTrips - before).toBe(3)
    const bare = proxy.roundTrips
    await store.transaction(effect)
    expect(proxy.roundTrips - bare).toBe(3)
  })
})
