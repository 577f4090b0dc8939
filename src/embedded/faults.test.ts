import { expect, it } from 'vitest'
import { OnlyonceError } from '../core/errors.ts'
import { type Fault, faultOf, unavailable } from './faults.ts'

const fromNode = (errcode: number, message = 'x') =>
  Object.assign(new Error(message), { code: 'ERR_SQLITE_ERROR', errcode })
const fromDeno = (message: string) => Object.assign(new Error(message), { code: 'ERR_SQLITE_ERROR' })
const fromLibsql = (code: string, rawCode: number, message = 'x') =>
  Object.assign(new Error(message), { code, rawCode })
const fromBetter = (code: string, message = 'x') => Object.assign(new Error(message), { code })

it('reads the same fault from the errors of every driver', () => {
  const cases: [Fault, unknown[]][] = [
    ['busy', [fromNode(5), fromNode(261), fromLibsql('SQLITE_BUSY', 5), fromBetter('SQLITE_BUSY_RECOVERY')]],
    ['busy', [fromNode(6), fromBetter('SQLITE_LOCKED_SHAREDCACHE')]],
    ['stale-snapshot', [fromNode(517), fromLibsql('SQLITE_BUSY_SNAPSHOT', 517), fromBetter('SQLITE_BUSY_SNAPSHOT')]],
    ['full', [fromNode(13), fromLibsql('SQLITE_FULL', 13), fromBetter('SQLITE_FULL')]],
    ['read-only', [fromNode(8), fromNode(1032), fromBetter('SQLITE_READONLY_DBMOVED')]],
    ['damaged', [fromNode(10), fromNode(266), fromNode(11), fromBetter('SQLITE_IOERR_READ')]],
    ['not-a-database', [fromNode(26), fromBetter('SQLITE_NOTADB')]],
    [
      'cannot-open',
      [fromNode(14), new Error('ConnectionFailed("Unable to open connection to local database /x: 14")')],
    ],
    ['constraint', [fromNode(787), fromLibsql('SQLITE_CONSTRAINT_FOREIGNKEY', 787), fromBetter('SQLITE_CONSTRAINT')]],
    ['busy', [fromDeno('database is locked'), fromDeno('database table is locked: operations')]],
    ['full', [fromDeno('database or disk is full')]],
    ['read-only', [fromDeno('attempt to write a readonly database')]],
    ['damaged', [fromDeno('disk I/O error'), fromDeno('database disk image is malformed')]],
    ['not-a-database', [fromDeno('file is not a database')]],
    ['cannot-open', [fromDeno('unable to open database file: /nonexistent/x.db')]],
    ['constraint', [fromDeno('UNIQUE constraint failed: t.x')]],
    ['nested', [fromNode(1, 'cannot start a transaction within a transaction')]],
    ['no-transaction', [fromNode(1, 'cannot commit - no transaction is active')]],
    ['no-savepoint', [fromBetter('SQLITE_ERROR', 'no such savepoint: x')]],
    ['no-table', [fromNode(1, 'no such table: onlyonce_meta')]],
    [
      'closed',
      [
        new TypeError('The database connection is not open'),
        new Error('database is not open'),
        new Error('statement has been finalized'),
      ],
    ],
    ['other', [undefined, null, 5, 'text', new Error('x'), fromNode(7), new OnlyonceError('CLOSED', 'no such table')]],
  ]
  for (const [fault, errors] of cases) for (const error of errors) expect(faultOf(error), String(error)).toBe(fault)
})

it('wraps an error once, keeps it as the cause, and says what to do', () => {
  const cause = fromNode(13, 'database or disk is full')
  const error = unavailable('orders.db', cause)
  expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', cause })
  expect(error.message).toBe(
    'the SQLite file orders.db refused (database or disk is full); the disk or the database is full: nothing was written; make room and ask again',
  )
  expect(unavailable('orders.db', error)).toBe(error)
})
