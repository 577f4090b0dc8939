import Libsql from 'libsql'
import { expect, it } from 'vitest'
import { onlyIf } from '../../src/guards/sql.ts'
import { tidily } from '../support/leftovers.ts'
import { testDatabase } from '../support/mysql.ts'
import { describeWith } from '../support/services.ts'

it('a whole number in an expression of the caller’s stays the number that it is', async () => {
  const db = new Libsql(':memory:')
  db.exec("CREATE TABLE a (k TEXT PRIMARY KEY, x); INSERT INTO a VALUES ('k', 7)")
  expect(await onlyIf(db as never, 'UPDATE a SET x = x / ? WHERE k = ?', [2, 'k'])).toBe('applied')
  expect(db.prepare('SELECT x FROM a').all()).toMatchObject([{ x: 3.5 }])
  db.close()
})

describeWith('mysql', (url) => {
  it('an amount with more digits than a DOUBLE has is exact where it is cast, as the documentation tells', async () => {
    const database = tidily(await testDatabase(url), (it) => it.close())
    await database.sql(
      "CREATE TABLE a (k VARCHAR(9) PRIMARY KEY, wei DECIMAL(65)) AS SELECT 'k' AS k, 100000000000000000003 AS wei",
    )
    const take = (amount: string, wei: bigint) =>
      onlyIf(database.pool, `UPDATE a SET wei = wei - ${amount} WHERE k = ? AND wei >= ${amount}`, [wei, 'k', wei])
    expect(await take('CAST(? AS DECIMAL(65))', 100_000_000_000_000_000_004n)).toBe('skipped')
    expect(await take('CAST(? AS DECIMAL(65))', 10_000_000_000_000_000_001n)).toBe('applied')
    expect(await database.sql('SELECT CAST(wei AS CHAR) AS wei FROM a')).toEqual([{ wei: '90000000000000000002' }])
  })
})
