import { afterEach, describe, expect, it } from 'vitest'
import type { OutboxMessage, TransactionalStore } from '../../src/core/store.ts'
import { outbox, type RelayOptions, relay } from '../../src/outbox/outbox.ts'
import { testDatabase as mysqlDatabase } from '../support/mysql.ts'
import { testDatabase as postgresDatabase } from '../support/postgres.ts'
import { describeWith } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'

const leftovers: (() => unknown)[] = []
afterEach(async () => {
  for (const tidy of leftovers.splice(0).reverse()) await tidy()
})

interface Database {
  store(): TransactionalStore<unknown>
  close(): Promise<void>
}

function world<Opened extends Database>(database: Opened) {
  leftovers.push(() => database.close())
  const store = database.store()
  const box = outbox(store)
  const seen: OutboxMessage[] = []
  const add = (id: string, orderingKey?: string) =>
    store.transaction((tx) =>
      box.add(tx, { id, topic: 'orders', body: id, ...(orderingKey === undefined ? {} : { orderingKey }) }),
    )
  /** A transaction that has added its message and waits for the word to commit. */
  async function slow(id: string, orderingKey?: string): Promise<() => Promise<void>> {
    let commit = () => {}
    let added = () => {}
    const isAdded = new Promise<void>((resolve) => {
      added = resolve
    })
    const told = new Promise<void>((resolve) => {
      commit = resolve
    })
    const committed = store.transaction(async (tx) => {
      await box.add(tx, { id, topic: 'orders', body: id, ...(orderingKey === undefined ? {} : { orderingKey }) })
      added()
      await told
    })
    await Promise.race([isAdded, committed])
    return async () => {
      commit()
      await committed
    }
  }
  function start(given: Partial<RelayOptions> = {}) {
    const one = relay({
      store: database.store(),
      pollMs: 10,
      publish: async (batch) => {
        seen.push(...batch)
        return batch.map(() => ({ ok: true }))
      },
      ...given,
    })
    one.start()
    leftovers.push(() => one.stop())
    return one
  }
  const ids = () => seen.map(({ id }) => id)
  return { database, store, box, seen, ids, add, slow, start }
}

type World = ReturnType<typeof world>

function cases(open: () => Promise<World>) {
  it('publishes a message that was added first and committed last, with a smaller position than what is gone', async () => {
    const { add, slow, start, ids, box } = await open()
    const commitLate = await slow('late')
    await add('early')
    const one = start()
    await until('the early one is published', () => ids().includes('early'))
    await until('it is out of the outbox', async () => (await box.stats()).waiting === 0)
    // Many rounds that see nothing: an id cursor would have passed it by now.
    await sleepMs(100)
    await commitLate()
    await until('the late one is published', () => ids().includes('late'))
    expect(await one.drained()).toBe(true)
    expect(ids()).toEqual(['early', 'late'])
  })

  it('publishes the messages of a key in the order of their commits, while transactions overlap', async () => {
    const { slow, start, ids } = await open()
    const one = start()
    const committed: string[] = []
    const open3 = [await slow('a', 'k'), await slow('b', 'k'), await slow('c', 'k')] as const
    for (const index of [2, 0, 1] as const) {
      await open3[index]()
      committed.push('abc'[index] as string)
      await until('it is published', () => ids().length === committed.length)
    }
    expect(await one.drained()).toBe(true)
    expect(ids()).toEqual(committed)
  })

  it('publishes the same ids, and nothing twice, when an effect runs again before it commits', async () => {
    const { store, box, start, ids } = await open()
    const op = { child: (name: string) => `o1 ${name}` }
    const effect = (tx: unknown) =>
      box.add(
        tx,
        [
          { topic: 'orders', body: 1 },
          { topic: 'orders', body: 2 },
        ],
        { ...op },
      )
    const failed = store.transaction(async (tx) => {
      await effect(tx)
      throw new Error('serialization failure')
    })
    await expect(failed).rejects.toThrow('serialization failure')
    const added = await store.transaction(effect)
    expect(await store.transaction(effect)).toEqual(added)
    expect(await start().drained()).toBe(true)
    expect(ids()).toEqual(added)
  })

  it('lets a parked message be looked at, published after all, or thrown away', async () => {
    const { add, start, ids, box, seen } = await open()
    for (const id of ['a', 'bad', 'worse', 'b']) await add(id, 'k')
    const isBad = (id: string) => id === 'bad' || id === 'worse'
    const picky = start({
      publish: async (batch) =>
        batch.map((one) => {
          if (isBad(one.id)) return { ok: false, reason: `too large: ${one.id}`, permanent: true }
          seen.push(one)
          return { ok: true }
        }),
    })
    expect(await picky.drained()).toBe(true)
    await picky.stop()
    expect(ids()).toEqual(['a', 'b'])
    const parked = await box.parked()
    expect(parked.map(({ id, reason, failures }) => [id, reason, failures])).toEqual([
      ['bad', 'too large: bad', 1],
      ['worse', 'too large: worse', 1],
    ])
    expect(await box.discard([parked[1]?.position as number])).toBe(1)
    expect(await box.unpark(parked.map(({ position }) => position))).toBe(1)
    expect(await start().drained()).toBe(true)
    expect(ids()).toEqual(['a', 'b', 'bad'])
    expect(await box.stats()).toEqual({ waiting: 0, parked: 0, oldestMs: 0 })
  })

  it('keeps the order of every key while two relays take the lease from each other', async () => {
    const { add, start, seen } = await open()
    const by = new Set<string>()
    let calls = 0
    const racing = ['a', 'b'].map((name) =>
      start({
        name,
        leaseMs: 500,
        publishTimeoutMs: 500,
        batchSize: 7,
        backoffMs: 20,
        maxBackoffMs: 20,
        publish: async (batch) => {
          by.add(name)
          // Longer than the lease now and then: the other one takes over, and this call ends in the middle of its work.
          if (++calls % 5 === 0) await sleepMs(800)
          return batch.map((one) => {
            if (Math.random() < 0.1) return { ok: false, reason: 'try again' }
            seen.push(one)
            return { ok: true }
          })
        },
      }),
    )
    for (let i = 0; i < 60; i++) await add(`${i}`, `k${i % 4}`)
    for (const one of racing) expect(await one.drained()).toBe(true)
    expect(by).toEqual(new Set(['a', 'b']))
    for (let key = 0; key < 4; key++) {
      const firsts = [...new Set(seen.filter((one) => one.orderingKey === `k${key}`).map(({ id }) => Number(id)))]
      expect(firsts).toEqual([...firsts].sort((x, y) => x - y))
    }
    expect(new Set(seen.map(({ id }) => id)).size).toBe(60)
  }, 60_000)
}

describeWith('postgres', (url) => {
  const open = async () => world(await postgresDatabase(url))

  describe('outbox and relay', () => cases(open as () => Promise<World>))

  it('wakes an idle relay at once for what another process commits, each time', async () => {
    const { add, start, ids, database } = await open()
    const waiters = async () => (await database.sql(`SELECT FROM "${database.schema}".waiters`)).length
    await add('before')
    const one = start({ pollMs: 600_000 })
    await until('what was there is published', () => ids().length === 1)
    for (let i = 0; i < 5; i++) {
      await until('the relay waits', async () => (await waiters()) === 1)
      await add(`m${i}`)
      await until('it is published', () => ids().includes(`m${i}`), 30_000)
    }
    await one.stop()
    await until('nobody waits any more', async () => (await waiters()) === 0)
  }, 60_000)

  it('wakes it for nothing that was rolled back', async () => {
    const { add, start, store, box, ids, database } = await open()
    const waiters = async () => (await database.sql(`SELECT FROM "${database.schema}".waiters`)).length
    await add('before')
    start({ pollMs: 600_000 })
    await until('the relay waits', async () => (await waiters()) === 1)
    const undone = store.transaction(async (tx) => {
      await box.add(tx, { id: 'gone', topic: 'orders', body: 1 })
      throw new Error('changed my mind')
    })
    await expect(undone).rejects.toThrow('changed my mind')
    await add('kept')
    await until('it is published', () => ids().length === 2, 30_000)
    expect(ids()).toEqual(['before', 'kept'])
  }, 60_000)
})

describeWith('mysql', (url) => {
  describe('outbox and relay', () => cases(async () => world(await mysqlDatabase(url)) as unknown as World))
})
