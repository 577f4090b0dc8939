import { expect, it } from 'vitest'
import type { TransactionalStore } from '../../src/core/store.ts'
import { outbox, type RelayEvent, relay } from '../../src/outbox/outbox.ts'
import { later } from '../support/leftovers.ts'
import { testDatabase as mysqlDatabase } from '../support/mysql.ts'
import { testDatabase as postgresDatabase } from '../support/postgres.ts'
import { describeWith } from '../support/services.ts'
import { rawDatabase, storeOn, tempFile } from './sqlite-helpers.ts'

interface Database {
  readonly store: TransactionalStore<unknown>
  /** Changes the outbox entry `bad`. */
  damage(change: string): Promise<unknown>
}

const DAMAGES = [
  "headers = '{'",
  "headers = 'null'",
  'headers = \'{"tenant":1}\'',
  "topic = '\"cut'",
  "ordering_key = '\"cut'",
]

function cases(open: () => Promise<Database>, damages: readonly string[] = []): void {
  it.each([...DAMAGES, ...damages])(
    'an outbox entry set by hand to %s is parked, and the others go on',
    async (change) => {
      const { store, damage } = await open()
      const messages = outbox(store)
      const ids = ['a', 'bad', 'b', 'c']
      await store.transaction((tx) =>
        messages.add(
          tx,
          ids.map((id) => ({ id, topic: 't', body: 1, orderingKey: 'k' })),
        ),
      )
      await damage(change)
      const published: string[] = []
      const events: RelayEvent[] = []
      const one = relay({
        store,
        publish: async (batch) => batch.map(({ id }) => ({ ok: published.push(id) > 0 }) as { ok: true }),
        onEvent: (event) => void events.push(event),
      })
      one.start()
      await one.drained()
      await one.stop()
      expect(published).toEqual(['a', 'b', 'c'])
      expect(await messages.stats()).toMatchObject({ waiting: 0, parked: 1 })
      const reason = expect.stringContaining('repair its row in the outbox')
      expect(events).toContainEqual(expect.objectContaining({ type: 'refused', id: 'bad', reason, parked: true }))
      const [parked, ...more] = await messages.parked()
      expect([parked, more]).toEqual([expect.objectContaining({ id: 'bad', reason, unreadable: parked?.reason }), []])
      expect(await messages.discard([parked?.position as number])).toBe(1)
    },
  )

  it('an entry that was parked and then damaged is listed with both reasons, beside the others', async () => {
    const { store, damage } = await open()
    const messages = outbox(store)
    await store.transaction((tx) =>
      messages.add(
        tx,
        ['a', 'bad'].map((id) => ({ id, topic: 't', body: 1 })),
      ),
    )
    const taken = (await store.outbox.take('r', 60_000, 10)) ?? []
    await store.outbox.settle(
      taken.map(({ position }) => ({ position, kind: 'parked', reason: 'too large', failures: 1 })),
    )
    await damage("headers = '{'")
    const both = expect.stringMatching(/cannot be read.*it was parked before: too large/)
    expect(await messages.parked()).toMatchObject([
      { id: 'a', reason: 'too large' },
      { id: 'bad', reason: both, topic: 't', headers: {} },
    ])
  })
}

describeWith('postgres', (url) => {
  cases(async () => {
    const database = await postgresDatabase(url)
    later(() => database.close())
    const store = database.store()
    const damage = (change: string) => database.sql(`UPDATE "${database.schema}".outbox SET ${change} WHERE id = 'bad'`)
    return { store, damage }
  })
})

describeWith('mysql', (url) => {
  cases(async () => {
    const database = await mysqlDatabase(url)
    later(() => database.close())
    const store = database.store()
    const damage = (change: string) => database.sql(`UPDATE onlyonce_outbox SET ${change} WHERE id = 'bad'`)
    return { store, damage }
  }, ["topic = x'ff'", "headers = x'ff'"])
})

cases(async () => {
  const path = tempFile()
  const store = storeOn(path)
  const damage = async (change: string) =>
    (await rawDatabase(path)).exec(`UPDATE onlyonce_outbox SET ${change} WHERE id = 'bad'`)
  return { store, damage }
})
