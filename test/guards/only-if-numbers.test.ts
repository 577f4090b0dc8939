import Libsql from 'libsql'
import { expect, it } from 'vitest'
import { onlyIf } from '../../src/guards/sql.ts'

it('a whole number in an expression of the caller’s stays the number that it is', async () => {
  const db = new Libsql(':memory:')
  db.exec("CREATE TABLE a (k TEXT PRIMARY KEY, x); INSERT INTO a VALUES ('k', 7)")
  expect(await onlyIf(db as never, 'UPDATE a SET x = x / ? WHERE k = ?', [2, 'k'])).toBe('applied')
  expect(db.prepare('SELECT x FROM a').all()).toMatchObject([{ x: 3.5 }])
  db.close()
})
