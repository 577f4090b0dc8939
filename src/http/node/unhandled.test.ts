import type { IncomingMessage, ServerResponse } from 'node:http'
import { expect, it } from 'vitest'
import { errorsOf } from './unhandled.ts'

it.each([
  ['that can still answer is told', false, 1],
  ['whose answer is out is not: it would end the connection', true, 0],
])('Express %s of an error', (_, writableEnded, told) => {
  const errors: unknown[] = []
  const req = { app: () => {}, method: 'POST', url: '/' } as unknown as IncomingMessage
  const res = { writableEnded } as ServerResponse
  errorsOf(req, res, (error) => errors.push(error))(new Error('on purpose'))
  expect(errors).toHaveLength(told)
})
