import { expect, it } from 'vitest'
import { operationId } from '../../core/key.ts'
import { toRecord } from './rows.ts'

const id = operationId('s', 'k')

it.each([
  ['16 bytes', Buffer.from(id, 'hex')],
  ['a UUID', id.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')],
])('a record that cannot be read is named as the command line takes it, stored as %s', (_, stored) => {
  expect(() => toRecord({ id: stored, format: 9 })).toThrow(`the record of operation "${id}" cannot be read`)
})

it('a row without an id cannot be read either', () => {
  expect(() => toRecord({ id: null, format: 1, state: 0 })).toThrow(
    expect.objectContaining({ code: 'OUTCOME_UNKNOWN', message: expect.stringContaining('operation "null"') }),
  )
})
