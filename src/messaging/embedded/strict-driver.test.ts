import { expect, it } from 'vitest'
import { open, tempFile } from '../../../test/queue-kit.ts'
import { later } from '../../../test/support/leftovers.ts'
import { loadDriver, type SqliteDatabase } from '../../embedded/driver.ts'

/** As better-sqlite3: values in order go to bare placeholders only, and `all` is for statements that answer rows. */
function strict(database: SqliteDatabase): SqliteDatabase {
  return {
    exec: (sql) => database.exec(sql),
    prepare(sql) {
      if (/\?\d/.test(sql)) throw new RangeError('Too many parameter values were provided')
      const statement = database.prepare(sql)
      return {
        run: (...values) => statement.run(...values),
        get: (...values) => statement.get(...values),
        all(...values) {
          if (!/^(SELECT|PRAGMA)|RETURNING/.test(sql)) throw new TypeError('This statement does not return data')
          return statement.all(...values)
        },
      }
    },
    close: () => database.close(),
  }
}

it('a driver as strict as better-sqlite3 publishes in order, knows what is due, receives and redrives', async () => {
  const database = (await loadDriver())(tempFile())
  later(() => database.close())
  const { queue, add, take, ids } = open({ path: undefined, database: strict(database) } as object)
  await add(['a1', 'a'], ['a2', 'a'], 'b')
  expect(await queue.hasDue('ledger')).toBe(true)
  const [first, second] = await take()
  expect([first?.id, second?.id]).toEqual(['a1', 'b'])
  expect(await queue.hasDue('ledger')).toBe(false)
  await queue.deadLetter(first?.receipt ?? '', 'poison')
  expect(await queue.redrive('ledger')).toBe(1)
  expect(await ids()).toEqual(['a2'])
})
