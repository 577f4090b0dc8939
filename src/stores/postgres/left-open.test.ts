import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import { wasLeftOpen } from './left-open.ts'

const client = (parts: object) => ({ query: async () => ({ rows: [] }), ...parts })

it('asks pg, where it tells', () => {
  const asked = (status: unknown) => wasLeftOpen(client({ getTransactionStatus: () => status }))
  expect(['T', 'E', 'I', null].map(asked)).toEqual([true, true, false, false])
})

it('listens to the connection of an older pg, once, whoever wraps its client', () => {
  const connection = new EventEmitter()
  const lent = () => wasLeftOpen(client({ connection }))
  expect(lent()).toBe(false)
  for (const [status, isOpen] of [
    ['T', true],
    ['E', true],
    ['I', false],
  ] as const) {
    connection.emit('readyForQuery', { status })
    expect(lent()).toBe(isOpen)
  }
  expect(connection.listenerCount('readyForQuery')).toBe(1)
})

it('knows nothing of a client without either, or of a pg-native that does not tell', () => {
  const native = { native: {}, getTransactionStatus: () => expect.fail('it would throw') }
  expect([client({}), client(native)].map((one) => wasLeftOpen(one))).toEqual([false, false])
})
