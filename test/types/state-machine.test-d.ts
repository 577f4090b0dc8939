// Checked by the compiler (`npm run types`), never run.
import { expectTypeOf } from 'vitest'
import type { SqlTx } from '../../src/guards/sql.ts'
import { insertOnce, upsert } from '../../src/guards/sql.ts'
import { type StateMachine, stateMachine, type TransitionOutcome, transition } from '../../src/guards/state-machine.ts'
import type { MysqlTx } from '../../src/stores/mysql/index.ts'
import type { PgTx } from '../../src/stores/postgres/index.ts'
import type { SqliteDatabase, SqliteTx } from '../../src/stores/sqlite/index.ts'

declare const tx: SqlTx

const order = stateMachine({
  name: 'order',
  states: ['unpaid', 'paid', 'completed', 'refunded'],
  transitions: { unpaid: ['paid'], paid: ['completed', 'refunded'] },
})

// Names are those of the literal; nothing leads to the first one.
expectTypeOf(order).toEqualTypeOf<
  StateMachine<'unpaid' | 'paid' | 'completed' | 'refunded', 'paid' | 'completed' | 'refunded'>
>()
const row = { machine: order, table: 'orders', id: 1100 }
expectTypeOf(transition(tx, { ...row, to: 'paid' })).toEqualTypeOf<Promise<'moved' | 'already'>>()
expectTypeOf(transition.attempt(tx, { ...row, to: 'paid' })).toEqualTypeOf<
  Promise<TransitionOutcome<'paid' | 'completed' | 'refunded'>>
>()
// @ts-expect-error there is no such state
void transition(tx, { ...row, to: 'payed' })
// @ts-expect-error nothing leads to it
void transition(tx, { ...row, to: 'unpaid' })
// @ts-expect-error the state to go to is required
void transition(tx, row)

// @ts-expect-error a transition to a state that is not there
stateMachine({ name: 'a', states: ['x', 'y'], transitions: { x: ['z'] } })
// @ts-expect-error a transition from a state that is not there
stateMachine({ name: 'a', states: ['x', 'y'], transitions: { x: ['y'], z: ['x'] } })

// The transactions of the stores, and connections, are taken as they are.
expectTypeOf<PgTx>().toExtend<SqlTx>()
expectTypeOf<MysqlTx>().toExtend<SqlTx>()
expectTypeOf<SqliteTx>().toExtend<SqlTx>()
expectTypeOf<SqliteDatabase>().toExtend<SqlTx>()

// Key columns are columns of the row.
expectTypeOf(insertOnce(tx, { table: 't', row: { id: 1, note: 'n' }, key: ['id', 'note'] })).toEqualTypeOf<
  Promise<'inserted' | 'existed'>
>()
// @ts-expect-error the row has no such column
void insertOnce(tx, { table: 't', row: { id: 1 }, key: 'ID' })
// @ts-expect-error nor can it be compared
void insertOnce(tx, { table: 't', row: { id: 1 }, key: 'id', compare: ['note'] })
// @ts-expect-error nor be the version
void upsert(tx, { table: 't', row: { id: 1 }, key: 'id', newer: 'version' })
// @ts-expect-error a function is no value of a column
void insertOnce(tx, { table: 't', row: { id: () => 1 }, key: 'id' })
