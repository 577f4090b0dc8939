import pg from 'pg'
import { expect, it } from 'vitest'
import { OnlyonceError } from '../../core/errors.ts'
import { postgresStore } from './index.ts'

const refused = (message: RegExp) =>
  expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringMatching(message) })

it('a pool is not taken for a client: its statements would not be in one transaction', () => {
  const pool = new pg.Pool()
  expect(() => postgresStore({ client: pool as never })).toThrow(
    refused(/^option `client` .*give it as `pool`; got an object$/),
  )
  expect(() => postgresStore({ pool })).not.toThrow(OnlyonceError)
})

it('a client is not taken for a pool: it connects once, and is never given back', () => {
  const client = new pg.Client()
  expect(() => postgresStore({ pool: client as never })).toThrow(
    refused(/^option `pool` .*give it as `client`; got an object$/),
  )
  expect(() => postgresStore({ client })).not.toThrow(OnlyonceError)
})
