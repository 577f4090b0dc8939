import { expect, it } from 'vitest'
import type { Store } from '../../src/core/store.ts'
import { completer } from '../../src/guards/completer.ts'
import { onlyonce } from '../../src/index.ts'
import { request } from '../support/claims.ts'
import { later } from '../support/leftovers.ts'
import { testDatabase as mysqlDatabase } from '../support/mysql.ts'
import { testDatabase as postgresDatabase } from '../support/postgres.ts'
import { describeWith } from '../support/services.ts'

interface Database {
  store(): Store
  advance(ms: number): Promise<void>
  /** Changes the record of the key `bad`. */
  damage(change: string): Promise<unknown>
}

const DAMAGES = ['format = 9', "steps = '{rubbish'", 'fence = 9223372036854775807', 'result_kind = 0']

function cases(open: () => Promise<Database>, damagedKey: string): void {
  it.each([...DAMAGES, damagedKey])(
    'a record set by hand to %s is listed as unknown, page by page, and the completer goes on',
    async (change) => {
      const { store: opened, advance, damage } = await open()
      const store = opened()
      const keys = ['a', 'bad', 'b', 'c']
      await store.claim(keys.map((key) => request(key, { fingerprint: '', retentionMs: 9_000_000 })))
      await damage(change)
      await advance(100_000)
      const shown: [string, string | undefined, string | undefined][] = []
      let after: string | undefined
      do {
        const page = await store.list({ state: 'abandoned', limit: 1, ...(after === undefined ? {} : { after }) })
        for (const { id, key, result } of page.items) shown.push([id, key, result?.kind])
        after = page.next
      } while (after !== undefined)
      const expected = keys.map((key) => {
        const { id } = request(key)
        return [id, change === damagedKey && key === 'bad' ? undefined : key, key === 'bad' ? 'unknown' : undefined]
      })
      expect(shown).toEqual(expected.toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1)))

      const ran: string[] = []
      const told: unknown[] = []
      const { round } = completer({
        once: onlyonce({ store, scope: 'test' }),
        handlers: { test: (op) => void ran.push(op.key) },
        onEvent: (event) => void ('error' in event && told.push([event.type, (event.error as { code?: string }).code])),
      })
      expect(await round()).toMatchObject({ seen: 4, completed: 3, failed: 1, more: false })
      expect(ran.toSorted()).toEqual(['a', 'b', 'c'])
      expect(told).toEqual([[change === damagedKey ? 'store-failed' : 'failed', 'OUTCOME_UNKNOWN']])
    },
  )
}

describeWith('postgres', (url) => {
  cases(async () => {
    const database = await postgresDatabase(url)
    later(() => database.close())
    const damage = (change: string) =>
      database.sql(`UPDATE "${database.schema}".operations SET ${change} WHERE key = 'bad'`)
    return { store: () => database.store(), advance: database.advance, damage }
  }, "key = '\"cut'")
})

describeWith('mysql', (url) => {
  cases(async () => {
    const database = await mysqlDatabase(url)
    later(() => database.close())
    const damage = (change: string) =>
      database.sql(`UPDATE onlyonce_operations SET ${change} WHERE operation_key = 'bad'`)
    return { store: () => database.store(), advance: database.advance, damage }
  }, "operation_key = x'ff'")
})
