import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SqlRow } from '../../src/guards/sql.ts'
import { stateMachine, type TransitionOptions, transition } from '../../src/guards/state-machine.ts'
import { codeOf, type Database, onEveryDatabase } from './databases.ts'

const order = stateMachine({
  name: 'order',
  states: ['unpaid', 'paid', 'completed', 'refunded', 'cancelled'],
  transitions: { unpaid: ['paid', 'cancelled'], paid: ['completed', 'refunded'], completed: ['refunded'] },
})

const draft = stateMachine({
  name: 'draft',
  states: ['open', 'submitted', 'accepted'],
  transitions: { open: ['submitted'], submitted: ['open', 'accepted'] },
})

describe('transition', () => {
  onEveryDatabase((open) => {
    let db: Database
    beforeEach(async () => {
      db = await open()
      await db.sql('CREATE TABLE {orders} (id INT PRIMARY KEY, state VARCHAR(20), paid_by VARCHAR(20))')
      await db.sql(
        'CREATE TABLE {log} (order_id INT, event VARCHAR(40), state VARCHAR(20), PRIMARY KEY (order_id, event))',
      )
      await db.sql("INSERT INTO {orders} VALUES (1100, 'unpaid', NULL), (1101, 'unpaid', NULL)")
    })
    afterEach(() => db.close())

    type Options = Omit<TransitionOptions, 'machine' | 'table' | 'id'> & { readonly id?: TransitionOptions['id'] }
    const options = ({ id = 1100, ...rest }: Options) => ({
      machine: order as TransitionOptions['machine'],
      table: db.table('orders'),
      id,
      ...rest,
    })
    const go = (to: string, more: Partial<Options> = {}) =>
      db.transaction((tx) => transition(tx, options({ to, ...more })))
    const attempt = (to: string, more: Partial<Options> = {}) =>
      db.transaction((tx) => transition.attempt(tx, options({ to, ...more })))
    const states = async () => (await db.sql('SELECT state FROM {orders} ORDER BY id')).map(({ state }) => state)

    it('moves once; a duplicate and a late duplicate are absorbed', async () => {
      expect([await go('paid'), await go('paid'), await go('completed'), await go('paid')]).toEqual([
        'moved',
        'already',
        'moved',
        'already',
      ])
      expect(await states()).toEqual(['completed', 'unpaid'])
    })

    it('reads a state of a fixed length without the blanks that fill it up', async () => {
      await db.sql('CREATE TABLE {fixed} (id INT PRIMARY KEY, state CHAR(20))')
      await db.sql("INSERT INTO {fixed} VALUES (1100, 'unpaid')")
      const pay = () => go('paid', { table: db.table('fixed') } as Partial<Options>)
      expect([await pay(), await pay()]).toEqual(['moved', 'already'])
    })

    it('refuses the refund of an unpaid order, and names both states', async () => {
      await expect(go('refunded')).rejects.toMatchObject({
        code: 'ILLEGAL_TRANSITION',
        message: expect.stringMatching(
          /order 1100 in .*orders is "unpaid" and cannot become "refunded".*"paid" or "cancelled"/,
        ),
      })
      expect(await states()).toEqual(['unpaid', 'unpaid'])
    })

    it('refuses what leads from another branch', async () => {
      await go('cancelled')
      expect(await attempt('paid')).toEqual({ kind: 'illegal', state: 'cancelled' })
      expect(await attempt('refunded')).toEqual({ kind: 'illegal', state: 'cancelled' })
    })

    it('answers outcomes on request', async () => {
      expect(await attempt('paid')).toEqual({ kind: 'moved', state: 'paid' })
      await go('completed')
      expect(await attempt('paid')).toEqual({ kind: 'already', state: 'completed' })
      expect(await attempt('cancelled')).toEqual({ kind: 'illegal', state: 'completed' })
      expect(await attempt('paid', { id: 9 })).toEqual({ kind: 'missing' })
    })

    it('says when there is no such row, and when the state is none of the machine', async () => {
      await expect(go('paid', { id: 9 })).rejects.toMatchObject({
        code: 'ILLEGAL_TRANSITION',
        message: expect.stringContaining('there is no order 9'),
      })
      await expect(go('paid', { id: { id: 9n } })).rejects.toMatchObject({
        code: 'ILLEGAL_TRANSITION',
        message: expect.stringMatching(/there is no order id = 9n? in /),
      })
      await db.sql("UPDATE {orders} SET state = 'lost' WHERE id = 1100")
      await expect(go('paid')).rejects.toMatchObject({
        code: 'ILLEGAL_TRANSITION',
        message: expect.stringContaining('the machine has no state "lost"'),
      })
    })

    it('writes other columns with the move, and only with it', async () => {
      const by = async () => (await db.sql('SELECT paid_by FROM {orders} ORDER BY id'))[0]?.paid_by
      await go('paid', { set: { paid_by: 'card' } })
      expect(await by()).toBe('card')
      await go('paid', { set: { paid_by: 'cash' } })
      expect(await by()).toBe('card')
    })

    it('finds the row by the columns that it is told', async () => {
      expect(await go('paid', { id: { id: 1101 } })).toBe('moved')
      expect(await states()).toEqual(['unpaid', 'paid'])
    })

    it('is undone with its transaction', async () => {
      const undone = db.transaction(async (tx) => {
        await transition(tx, options({ to: 'paid' }))
        throw new Error('changed my mind')
      })
      await expect(undone).rejects.toThrow('changed my mind')
      expect(await states()).toEqual(['unpaid', 'unpaid'])
    })

    const event = (name: string, state: string): { readonly history: NonNullable<TransitionOptions['history']> } => ({
      history: {
        table: db.table('log'),
        row: { order_id: 1100, event: name, state } as SqlRow,
        key: ['order_id', 'event'],
      },
    })
    const log = async () => (await db.sql('SELECT event FROM {log} ORDER BY event')).map((row) => row.event)

    it('keeps a history of what moved, and nothing else', async () => {
      expect(await go('paid', event('e1', 'paid'))).toBe('moved')
      expect(await go('paid', event('e1', 'paid'))).toBe('already')
      expect(await go('paid', event('e2', 'paid'))).toBe('already')
      expect(await attempt('cancelled', event('e3', 'cancelled'))).toMatchObject({ kind: 'illegal' })
      expect(await log()).toEqual(['e1'])
      expect(await codeOf(go('completed', event('e1', 'completed')))).toBe('KEY_REUSED')
    })

    it('an event that came too early is handled when it comes again', async () => {
      expect(await attempt('completed', event('e2', 'completed'))).toMatchObject({ kind: 'illegal' })
      await go('paid', event('e1', 'paid'))
      expect(await go('completed', event('e2', 'completed'))).toBe('moved')
      expect(await log()).toEqual(['e1', 'e2'])
    })

    it('on a cycle the event tells a late duplicate from a new one', async () => {
      await db.sql("UPDATE {orders} SET state = 'open'")
      const step = (name: string, to: 'open' | 'submitted' | 'accepted') =>
        db.transaction((tx) =>
          transition(tx, { machine: draft, table: db.table('orders'), id: 1100, to, ...event(name, to) }),
        )
      expect(await step('e1', 'submitted')).toBe('moved')
      expect(await step('e2', 'open')).toBe('moved')
      expect(await step('e1', 'submitted')).toBe('already')
      expect(await states()).toEqual(['open', 'open'])
      expect(await codeOf(step('e6', 'accepted'))).toBe('ILLEGAL_TRANSITION')
      expect(await step('e3', 'submitted')).toBe('moved')
      expect(await step('e4', 'accepted')).toBe('moved')
      // Past it, and no way back.
      expect(await step('e5', 'open')).toBe('already')
    })

    it('refuses what cannot be right before it asks the database', async () => {
      const bare = db.transaction((tx) =>
        transition(tx, { machine: draft, table: db.table('orders'), id: 1100, to: 'submitted' }),
      )
      await expect(bare).rejects.toMatchObject({ code: 'OPTION_INVALID', message: expect.stringContaining('history') })
      const refusal = (message: string) => ({ code: 'OPTION_INVALID', message })
      await expect(go('unpaid')).rejects.toMatchObject(refusal('no transition of "order" leads to "unpaid"'))
      await expect(go('nowhere')).rejects.toMatchObject(refusal('"order" has no state "nowhere"'))
      expect(await codeOf(go('paid', { column: 'state"' }))).toBe('OPTION_INVALID')
      expect(await codeOf(go('paid', { set: { state: 'refunded' } }))).toBe('OPTION_INVALID')
      expect(await codeOf(go('paid', { id: {} }))).toBe('OPTION_INVALID')
      expect(await codeOf(go('paid', { id: null }))).toBe('KEY_MISSING')
      expect(await states()).toEqual(['unpaid', 'unpaid'])
    })

    it('says so when the row is not one row', async () => {
      await db.sql('CREATE TABLE {twice} (id INT, state VARCHAR(20))')
      await db.sql("INSERT INTO {twice} VALUES (1, 'unpaid'), (1, 'unpaid')")
      const both = db.transaction((tx) =>
        transition(tx, { machine: order, table: db.table('twice'), id: 1, to: 'paid' }),
      )
      await expect(both).rejects.toMatchObject({ code: 'OPTION_INVALID', message: expect.stringContaining('2 rows') })
      expect((await db.sql('SELECT state FROM {twice}')).map(({ state }) => state)).toEqual(['unpaid', 'unpaid'])
    })
  })
})
