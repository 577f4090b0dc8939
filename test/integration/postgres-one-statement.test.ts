import pg from 'pg'
import { expect, it } from 'vitest'
import { type OnceEvent, onlyonce } from '../../src/index.ts'
import { oneStatement } from '../../src/stores/postgres/index.ts'
import { describeWith } from '../support/services.ts'
import { codeOf, effectsOn } from './postgres-effects.ts'

describeWith('postgres', (url) => {
  const { database, leftovers, effects, throughProxy } = effectsOn(url)
  const into = (what = '$1') => `INSERT INTO "${database().schema}".effects VALUES (${what})`

  /** A store on a pool whose messages to the server are kept. */
  function watched(options: { readonly prepare?: boolean } = {}) {
    const pool = new pg.Pool({ connectionString: url, max: 1 })
    const sent: string[] = []
    pool.on('connect', (client) => {
      const query = client.query.bind(client) as (...given: unknown[]) => unknown
      client.query = ((...given: unknown[]) => {
        sent.push(String((given[0] as { text?: string }).text ?? given[0]))
        return query(...given)
      }) as typeof client.query
    })
    const store = database().store({ pool, ...options })
    leftovers.push(async () => {
      await store[Symbol.asyncDispose]()
      await pool.end()
    })
    return { store, sent }
  }

  it.each([true, false])('runs with its claim in one message, and only once (prepare: %s)', async (prepare) => {
    const { store, sent } = watched({ prepare })
    const once = onlyonce({ store, scope: 'test' })
    await once.atomic('warm', oneStatement(into(), ['warm']))
    sent.length = 0
    const first = await once.atomic.attempt('key', oneStatement(into(), ['key']))
    expect([sent.length, await effects()]).toEqual([1, ['warm', 'key']])
    expect(first).toMatchObject({ kind: 'executed', value: undefined, attempt: 1, fence: expect.any(Number) })
    expect(await once.find('key')).toMatchObject({ state: 'done', fence: first.kind === 'executed' ? first.fence : 0 })
    expect(await once.atomic.attempt('key', oneStatement(into(), ['key']))).toEqual({
      kind: 'replayed',
      value: undefined,
    })
    expect(await codeOf(once.atomic({ key: 'key', payload: 1 }, oneStatement(into(), ['key'])))).toBe('KEY_REUSED')
    expect(await effects()).toEqual(['warm', 'key'])
  })

  it('of a hundred that ask at once on two engines one takes effect', async () => {
    const engines = [0, 1].map(() => onlyonce({ store: database().store(), scope: 'test', onInFlight: 'wait' }))
    const kinds = await Promise.all(
      Array.from({ length: 100 }, async (_, n) => {
        const outcome = await engines[n % 2]?.atomic.attempt('key', oneStatement(into(), ['key']))
        return outcome?.kind
      }),
    )
    expect(kinds.filter((kind) => kind === 'executed')).toHaveLength(1)
    expect(kinds.filter((kind) => kind === 'replayed')).toHaveLength(99)
    expect(await effects()).toEqual(['key'])
  })

  it('a statement that is refused leaves nothing, and its error is the caller’s', async () => {
    const once = onlyonce({ store: database().store(), scope: 'test' })
    const events: OnceEvent[] = []
    once.on((event) => events.push(event))
    const refused = once.atomic('key', oneStatement(into('1 / $1::int'), [0]))
    await expect(refused).rejects.toMatchObject({ code: '22012' })
    expect(await once.find('key')).toBeUndefined()
    expect(events.map(({ type }) => type)).toEqual(['failed'])
    await once.atomic('key', oneStatement(into(), ['second']))
    expect(await effects()).toEqual(['second'])
  })

  it('waits for a rival’s transaction and replays it, or runs when that was undone', async () => {
    const once = onlyonce({ store: database().store(), scope: 'test' })
    const rival = onlyonce({ store: database().store(), scope: 'test' })
    for (const end of ['commit', 'undo']) {
      let claimed: () => void = () => {}
      const open = new Promise<void>((resolve) => {
        claimed = resolve
      })
      const first = codeOf(
        rival.atomic(end, async () => {
          claimed()
          await new Promise((over) => setTimeout(over, 300))
          if (end === 'undo') throw new Error('undone')
        }),
      )
      await open
      const second = await once.atomic.attempt(end, oneStatement(into(), [end]))
      await first
      expect(second.kind).toBe(end === 'commit' ? 'replayed' : 'executed')
    }
    expect(await effects()).toEqual(['undo'])
  })

  it('a record that may be claimed again is taken over', async () => {
    const store = database().store()
    const once = onlyonce({ store, scope: 'test' })
    await expect(once('key', () => Promise.reject(new Error('first')))).rejects.toThrow('first')
    expect((await once.find('key'))?.state).toBe('idle')
    expect((await once.atomic.attempt('key', oneStatement(into(), ['key']))).kind).toBe('executed')
    expect(await effects()).toEqual(['key'])
  })

  it('an answer that is lost is found out, and what was done is not done again', async () => {
    const { proxy, once } = await throughProxy(2)
    await once.atomic('warm', oneStatement(into(), ['warm']))
    let lost = 0
    proxy.onRequest = (chunk) => {
      if (chunk.includes('lost') && lost++ === 0) proxy.dropReplies()
      return undefined
    }
    const reached = await once.atomic.attempt('key', oneStatement(into(), ['lost']))
    expect([lost > 0, reached.kind, await effects()]).toEqual([true, 'replayed', ['warm', 'lost']])
  })

  it('a request that is lost is asked again', async () => {
    const { proxy, once } = await throughProxy(2)
    await once.atomic('warm', oneStatement(into(), ['warm']))
    let lost = 0
    proxy.onRequest = (chunk) => (chunk.includes('lost') && lost++ === 0 ? 'cut' : undefined)
    const reached = await once.atomic.attempt('key', oneStatement(into(), ['lost']))
    expect([lost, reached.kind, await effects()]).toEqual([2, 'executed', ['warm', 'lost']])
  })

  it('where nobody can be asked afterwards the outcome is unknown', async () => {
    const { proxy, once } = await throughProxy(2, { timeoutMs: 500, lockWaitMs: 500 })
    await once.atomic('warm', oneStatement(into(), ['warm']))
    proxy.onRequest = (chunk) => {
      if (chunk.includes('lost')) proxy.cut()
      return undefined
    }
    expect(await codeOf(once.atomic('key', oneStatement(into(), ['lost'])))).toBe('OUTCOME_UNKNOWN')
  })

  it('a server that is read-only has changed nothing, and says so', async () => {
    await database().store().migrate()
    const pool = new pg.Pool({ connectionString: url, max: 1, options: '-c default_transaction_read_only=on' })
    const store = database().store({ pool, migrate: 'check' })
    leftovers.push(async () => {
      await store[Symbol.asyncDispose]()
      await pool.end()
    })
    const once = onlyonce({ store, scope: 'test' })
    expect(await codeOf(once.atomic('key', oneStatement(into(), ['key'])))).toBe('STORE_UNAVAILABLE')
    expect(await effects()).toEqual([])
  })

  it('runs like every other effect in a transaction of the caller’s and in partitions', async () => {
    const store = database().store({ partitions: { everyMs: 86_400_000, keep: 2 } })
    await store.migrate()
    const once = onlyonce({ store, scope: 'test' })
    const client = new pg.Client(url)
    await client.connect()
    leftovers.push(() => client.end())
    await client.query('BEGIN')
    await once.atomic('key', oneStatement(into(), ['key']), { tx: client })
    await client.query('ROLLBACK')
    expect([await once.find('key'), await effects()]).toEqual([undefined, []])
    for (const kind of ['executed', 'replayed']) {
      expect((await once.atomic.attempt('key', oneStatement(into(), ['key']))).kind).toBe(kind)
    }
    expect(await effects()).toEqual(['key'])
  })

  it('SQL that is different each time is not kept by the connection', async () => {
    const { store } = watched()
    const once = onlyonce({ store, scope: 'test' })
    for (let n = 0; n < 130; n++) await once.atomic(`key-${n}`, oneStatement(into(`'${n}'`)))
    const [row] = await store.transaction(
      async (tx) =>
        (await tx.query("SELECT count(*)::int AS n FROM pg_prepared_statements WHERE name LIKE '%beside%'")).rows,
    )
    expect([row?.n, (await effects()).length]).toEqual([100, 130])
  })

  it.each(['SELECT 1', 'WITH a AS (SELECT 1) DELETE FROM x', '', 'COMMIT', 7])('refuses %j', (text) => {
    expect(() => oneStatement(text as string)).toThrow(/INSERT, UPDATE or DELETE/)
  })

  it.each([
    ['DELETE FROM effects WHERE key <> $1', [], 1, 0],
    ['INSERT INTO effects VALUES ($1 || $3)', ['a'], 3, 1],
    ["UPDATE effects SET key = '$2' WHERE key = $1 -- $3", ['a', 'b'], 1, 2],
  ])('refuses %j with %j: the values of its claim come behind its own', (text, values, needed, given) => {
    expect(() => oneStatement(text, values)).toThrow(
      expect.objectContaining({
        code: 'OPTION_INVALID',
        message: expect.stringMatching(new RegExp(`\\b${needed}\\b.* got ${given}$`)),
      }),
    )
  })

  it('keeps the values that it was given, whatever becomes of their list', async () => {
    const once = onlyonce({ store: database().store(), scope: 'test' })
    const values = ['a']
    const effect = oneStatement(into(), values)
    values.pop()
    await once.atomic('key', effect)
    expect(await effects()).toEqual(['a'])
  })

  it('an end with a semicolon or a comment is taken', async () => {
    const once = onlyonce({ store: database().store(), scope: 'test' })
    await once.atomic('a', oneStatement(`${into()} ; \n`, ['a']))
    await once.atomic('b', oneStatement(`${into()} -- why`, ['b']))
    expect(await effects()).toEqual(['a', 'b'])
  })
})
