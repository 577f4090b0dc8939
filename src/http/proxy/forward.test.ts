import type { IncomingMessage, ServerResponse } from 'node:http'
import { PassThrough, Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { systemRuntime } from '../../core/runtime.ts'
import { forward } from './forward.ts'
import type { Failure } from './problems.ts'
import type { Upstream } from './upstream.ts'

/** An upstream whose events come when the test says so. */
function asking() {
  const asked = new PassThrough()
  const answer = Object.assign(new PassThrough(), {
    statusCode: 201,
    statusMessage: 'Created',
    rawHeaders: [],
    headers: {},
  })
  const res = Object.assign(new PassThrough(), { setHeader() {}, flushHeaders() {}, headersSent: false })
  const failures: Failure[] = []
  const upstream = { secure: false, timeoutMs: 60_000, ask: () => asked, close() {} } as unknown as Upstream
  forward(
    Object.assign(Readable.from(['{}']), { complete: true }) as unknown as IncomingMessage,
    res as unknown as ServerResponse,
    {
      ...{ upstream, runtime: systemRuntime, connectTimeoutMs: 60_000, target: '/', op: undefined },
      failed: (why) => failures.push(why),
    },
  )
  return { asked, answer, res, failures }
}

it('takes an answer for whole whose connection is over before a slow client has read it', async () => {
  const { asked, answer, res, failures } = asking()
  answer.write('whole')
  asked.emit('response', answer)
  asked.emit('close')
  answer.end()
  const chunks: Buffer[] = []
  for await (const chunk of res) chunks.push(chunk as Buffer)
  expect([String(Buffer.concat(chunks)), failures]).toEqual(['whole', []])
})

it('takes a connection that ends without an answer for lost', () => {
  const { asked, failures } = asking()
  asked.emit('close')
  expect(failures).toEqual(['unreachable'])
})
