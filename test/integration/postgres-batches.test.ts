import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { expect, it } from 'vitest'
import { operationId } from '../../src/core/key.ts'
import type { ClaimRequest } from '../../src/core/store.ts'
import { onlyonce } from '../../src/index.ts'
import { postgresStore } from '../../src/stores/postgres/index.ts'
import { describeWith } from '../support/services.ts'
import { effectsOn } from './postgres-effects.ts'

describeWith('postgres', (url) => {
  const { database, leftovers } = effectsOn(url)

  /** What a pool of connections sends, message by message. */
  function counted() {
    const sent: string[] = []
    const pool = new pg.Pool({ connectionString: url, max: 2 })
    pool.on('connect', (client) => {
      const query = client.query.bind(client) as (...args: unknown[]) => unknown
      const counting = (...args: unknown[]) => {
        const [asked] = args
        sent.push(typeof asked === 'string' ? asked : (asked as { text: string }).text)
        return query(...args)
      }
      client.query = counting as typeof client.query
    })
    leftovers.push(() => pool.end())
    return { pool, sent }
  }

  const keys = (count: number) => Array.from({ length: count }, () => randomUUID())
  const insertAll = async (
    tx: { query(text: string, values: unknown[]): Promise<unknown> },
    wanted: readonly string[],
  ) => void (await tx.query(`INSERT INTO "${database().schema}".effects SELECT unnest($1::text[])`, [wanted]))

  it('a batch of 500 is claimed by one statement, and costs three round trips with one insert', async () => {
    const { pool, sent } = counted()
    const once = onlyonce({ store: database().store({ pool }), scope: 'test' })
    for (let warm = 0; warm < 2; warm++) {
      const some = keys(500)
      await once.atomic.batch(some, (tx) => insertAll(tx, some))
    }
    sent.length = 0
    const some = keys(500)
    const outcomes = await once.atomic.batch(some, (tx) => insertAll(tx, some))
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['executed']))
    expect(sent.map((text) => text.slice(0, 60))).toEqual([
      expect.stringMatching(/^BEGIN/),
      expect.stringMatching(/^INSERT/),
      expect.stringMatching(/^RELEASE .*; COMMIT$/),
    ])
    sent.length = 0
    const again = await once.atomic.batch(some, () => {
      throw new Error('not again')
    })
    expect(new Set(again.map(({ kind }) => kind))).toEqual(new Set(['replayed']))
    expect(sent).toHaveLength(2)
  })

  const claimOf = (key: string): ClaimRequest => ({
    id: operationId('test', key),
    scope: 'test',
    key,
    fingerprint: 'v1:one',
    owner: randomUUID(),
    leaseMs: 30_000,
    retentionMs: 60_000,
  })

  it.each([
    ['that nobody knew', false, () => 'one owner'],
    ['that were given back', true, () => 'one owner'],
    ['of several owners', false, () => randomUUID()],
  ])('waits for the row of a rival no longer than lockWaitMs, whichever of those %s it is', async (_, known, owner) => {
    const store = database().store({ lockWaitMs: 300 })
    const requests = keys(20).map(claimOf)
    if (known) {
      for (const outcome of await store.claim(requests)) {
        if (outcome.kind === 'granted') await store.release([outcome.lease])
      }
    }
    const byId = [...requests].sort((a, b) => (a.id < b.id ? -1 : 1))
    // The last row to be written: the time limit must not have been put back with the first.
    const held = { ...(byId.at(-1) as ClaimRequest), owner: randomUUID() }
    const asked = requests.map((request) => ({ ...request, owner: owner() }))
    let told: readonly { readonly kind: string }[] = []
    await store.transaction(async (tx) => {
      await store.within(tx).claim(held)
      told = await store.transaction(async (other) => {
        const outcomes = await store.within(other).claimAll(asked)
        const { rows } = await other.query('SHOW lock_timeout')
        expect(rows).toEqual([{ lock_timeout: '0' }])
        return outcomes
      })
    })
    expect(told).toHaveLength(20)
    expect(new Set(told.map(({ kind }) => kind))).toEqual(new Set(['running']))
    const free = await store.transaction(async (tx) => {
      const outcomes = await store.within(tx).claimAll(asked)
      const { rows } = await tx.query('SHOW lock_timeout')
      expect(rows).toEqual([{ lock_timeout: '0' }])
      return outcomes
    })
    expect(free.filter(({ kind }) => kind === 'granted')).toHaveLength(19)
  })

  it('writes new rows in the order of their ids, in whichever order they are asked for', async () => {
    const store = database().store()
    const requests = keys(200).map((key) => ({ ...claimOf(key), owner: 'one owner' }))
    await store.transaction((tx) => store.within(tx).claimAll(requests))
    // Pages of a new table are filled one row after the other.
    const rows = await database().sql(`SELECT id::text FROM "${database().schema}".operations ORDER BY ctid`)
    const ids = rows.map(({ id }) => String(id))
    expect(ids).toHaveLength(200)
    expect(ids).toEqual([...ids].sort())
  })

  it('gives each new row its own fence, and tells what was there from what is new', async () => {
    await database().store().migrate()
    // The clock of the tests tells the same time to all rows of a statement; the server's own does not.
    const store = postgresStore({ pool: counted().pool, schema: database().schema })
    leftovers.push(() => store[Symbol.asyncDispose]())
    const requests = keys(40).map((key) => ({ ...claimOf(key), owner: 'one owner' }))
    const before = requests.filter((_, index) => index % 2 === 1)
    await store.transaction((tx) => store.within(tx).claimAll(before))
    const asked = requests.map((request) => ({ ...request, owner: 'another owner' }))
    const outcomes = await store.transaction((tx) => store.within(tx).claimAll(asked))
    expect(outcomes.map(({ kind }) => kind)).toEqual(requests.map((_, index) => (index % 2 === 1 ? 'done' : 'granted')))
    const records = await store.find(requests.map(({ id }) => id))
    for (const [index, outcome] of outcomes.entries()) {
      const { id, fence, owner } = records[index] as NonNullable<(typeof records)[number]>
      if (outcome.kind === 'granted') expect(outcome.lease).toEqual({ id, owner: 'another owner', fence })
      else expect(outcome).toMatchObject({ kind: 'done', fence })
      expect(owner).toBe(index % 2 === 1 ? 'one owner' : 'another owner')
    }
    expect(new Set(records.map((record) => record?.fence)).size).toBeGreaterThan(1)
    const all = keys(40).map((key) => ({ ...claimOf(key), owner: 'one owner' }))
    const granted = await store.transaction((tx) => store.within(tx).claimAll(all))
    const written = await store.find(all.map(({ id }) => id))
    const fences = granted.map((outcome) => (outcome.kind === 'granted' ? outcome.lease.fence : undefined))
    expect(fences).toEqual(written.map((record) => record?.fence))
  })
})
