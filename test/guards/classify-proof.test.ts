import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { INSERTS, OTHERS, UPDATES } from './classify-table.ts'
import { TRICKS } from './classify-tricks.ts'
import { type Database, onEveryDatabase } from './databases.ts'

/** Small tables of what the statements name, with rows that their conditions find. */
const COLUMNS: Readonly<Record<string, string>> = {
  orders: `id INT PRIMARY KEY, price INT, amount INT, a INT, b INT, points INT, visits INT, flag INT, version INT, total INT,
    state VARCHAR(40), name VARCHAR(40), note VARCHAR(40), open BOOLEAN, paid_at {time}, made {time}, bonus INT, offer INT`,
  stock: 'sku INT PRIMARY KEY, amount INT, version INT',
  accounts: 'id INT PRIMARY KEY, balance INT',
  people: 'id INT PRIMARY KEY, mail VARCHAR(40), name VARCHAR(40)',
  pairs: 'id INT PRIMARY KEY, a INT, b INT',
  jobs: 'id INT PRIMARY KEY, state VARCHAR(40)',
  hits: 'id INT UNIQUE, page INT UNIQUE, n INT, version INT',
  refunds: 'id INT PRIMARY KEY, order_id INT',
  parts: 'id INT PRIMARY KEY, order_id INT',
}
const TABLES = Object.keys(COLUMNS)

/** Three states to begin with: a statement that is not idempotent need not show it on every one. */
const rowsOf = (state: string, version: number) => [
  `INSERT INTO {orders} VALUES (100, 7, 3, 1, 2, 10, 4, NULL, ${version}, 0, '${state}', ' Ann ', 'n', true, NULL, NULL, 2, 1),
    (1, -3, 2, 1, 5, 10, 4, 1, ${version}, 0, '${state}', 'BOB', 'n', false, NULL, NULL, 2, 1)`,
  `INSERT INTO {stock} VALUES (7, 9, ${version}), (1, 9, ${version})`,
  'INSERT INTO {accounts} VALUES (1, 100)',
  "INSERT INTO {people} VALUES (1, 'Ann@B', ' Ann ')",
  'INSERT INTO {pairs} VALUES (1, 5, 6)',
  `INSERT INTO {hits} VALUES (1, 1, 0, ${version - 5})`,
  "INSERT INTO {jobs} VALUES (1, 'new'), (2, 'new'), (3, 'new')",
  'INSERT INTO {refunds} VALUES (1, 100)',
]
const ROWS = [rowsOf('unpaid', 7), rowsOf('paid', 1), []]

const proven = [...UPDATES, ...INSERTS, ...OTHERS, ...TRICKS].filter(([verdict]) => /idempotent/.test(verdict))
/** Definitions and what is there only once in a server; and MySQL's \`||\` and clock of whole seconds prove nothing. */
const NOT_HERE = /^(create|drop|alter|truncate|show)|nextval|notify|get_lock|random\(\) </i
const OF_CLOCK = /now\(|current_timestamp|datetime\(|unix_timestamp/i

describe('what classify says is true of the database', () => {
  onEveryDatabase((open, dialect) => {
    let db: Database
    beforeEach(async () => {
      db = await open()
      for (const [name, columns] of Object.entries(COLUMNS)) {
        const time = { sqlite: 'TEXT', postgres: 'timestamptz', mysql: 'DATETIME' }[dialect]
        await db.sql(`CREATE TABLE {${name}} (${columns.replaceAll('{time}', time)})`)
      }
    })
    afterEach(() => db.close())

    const dump = async (tables: readonly string[]) => {
      const all: string[] = []
      for (const table of tables) {
        const rows = (await db.sql(`SELECT * FROM {${table}}`)).map((row) => JSON.stringify(row))
        all.push(...rows.toSorted().map((row) => `${table} ${row}`))
      }
      return all
    }

    /** Every parameter is 1; a name is 8, which is newer than the version that is there. */
    const bound = (sql: string) => {
      const values: number[] = []
      const text = sql
        .replace(/\$\d+|\?/g, () => {
          values.push(1)
          return '?'
        })
        .replace(/:(v|pence|id)\b/g, (_, name) => String({ v: 8, pence: 5, id: 1 }[name as 'v']))
      return {
        text: text.replace(new RegExp(`(?<![\\w.{"'\`])(${TABLES.join('|')})(?![\\w."'\`])`, 'g'), '{$1}'),
        values,
      }
    }

    it('of every statement that it runs twice', async () => {
      const wrong: string[] = []
      const counts = { idempotent: 0, 'not-idempotent': 0 }
      for (const [verdict, where, sql] of proven) {
        const isHere = where === 'all' || [where].flat().includes(dialect)
        if (!isHere || NOT_HERE.test(sql) || sql.includes(';') || (dialect !== 'postgres' && OF_CLOCK.test(sql)))
          continue
        const { text, values } = bound(sql)
        const tables = TABLES.filter((table) => new RegExp(`\\b${table}\\b`).test(text))
        let differs = false
        let ran = false
        for (const rows of ROWS) {
          for (const table of tables) await db.sql(`DELETE FROM {${table}}`)
          for (const row of rows) if (tables.some((table) => row.includes(`{${table}}`))) await db.sql(row)
          try {
            await db.sql(text, values)
            const first = await dump(tables)
            // Two statements in one tick of the database's clock would say the same time.
            if (OF_CLOCK.test(sql) || /'(now|subsec)/.test(sql)) await new Promise((resolve) => setTimeout(resolve, 20))
            await db.sql(text, values)
            ran = true
            differs ||= JSON.stringify(await dump(tables)) !== JSON.stringify(first)
          } catch {
            // It names what is not in these tables, or not in this database.
          }
        }
        if (!ran) continue
        counts[verdict as 'idempotent']++
        if (differs !== (verdict === 'not-idempotent')) wrong.push(`${verdict}: ${sql}`)
      }
      expect(wrong).toEqual([])
      expect(counts.idempotent).toBeGreaterThan(20)
      expect(counts['not-idempotent']).toBeGreaterThan(10)
    }, 60_000)
  })
})
