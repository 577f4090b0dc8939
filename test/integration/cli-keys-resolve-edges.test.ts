import { describe, expect, it } from 'vitest'
import { readResult } from '../../src/core/result.ts'
import { createCompositeScope } from '../../src/http/composite-scope.ts'
import { createGuard } from '../../src/http/guard.ts'
import { onlyonce } from '../../src/index.ts'
import { scopeOf } from '../../src/rpc/scope.ts'
import { callOf, type Request, seen } from '../http/guard-kit.ts'
import { abandoned, cli, find, store, url } from './cli-kit.ts'

const http = createCompositeScope('shop')('alice', 'POST', '/orders')
const digest = createCompositeScope('shop')('a'.repeat(300), 'POST', '/orders')
const bareDigest = createCompositeScope('s'.repeat(255))('alice', 'POST', '/orders')
const rpc = scopeOf('shop', 'public', 'shop.v1.Shop/Place')
const rpcDigest = scopeOf('shop', 'a'.repeat(250), 'shop.v1.Shop/Place')
const ANSWER = '{"status":201,"headers":[["content-type","application/json"]],"body":"{\\"order\\":7}"}'

const resolve = (scope: string, ...argv: string[]) =>
  cli(['keys', 'resolve', 'k1', '--scope', scope, '--store', url, '--yes', '--happened', ...argv])

describe('keys resolve --happened of an operation of the HTTP guard', () => {
  /** A handler that was killed, the command line, and a duplicate. */
  async function duplicateAfter(...argv: string[]) {
    const once = onlyonce({ store, scope: 'shop', leaseMs: 500, onAbandoned: 'hold' })
    const guard = createGuard<Request>(once, { scope: () => 'alice', fingerprint: () => 'the same' })
    const id = await abandonedRequest()
    const said = await cli(['keys', 'resolve', '--id', id, '--store', url, '--yes', '--happened', ...argv])
    const answer = seen(await guard(callOf({ key: 'k1' }), () => expect.fail('it ran again')))
    return { said, answer }
  }

  async function abandonedRequest() {
    const { id } = await abandoned('k1', { scope: http, fingerprint: 'the same' })
    return id
  }

  it('without --value: duplicates are told that it happened, and that its answer is gone', async () => {
    const { said, answer } = await duplicateAfter()
    expect([said.code, answer]).toEqual([0, '409 unrecordable'])
  })

  it('with an answer: duplicates get it', async () => {
    const { said, answer } = await duplicateAfter('--value', ANSWER)
    expect([said.code, answer]).toEqual([0, '201 {"order":7} (replayed)'])
  })

  it.each([
    '"paid"',
    'null',
    '{"order":7}',
    '{"status":"201","headers":[]}',
    '{"status":201,"headers":{"a":"b"}}',
    '{"status":201,"headers":[],"body":{"order":7}}',
  ])('refuses --value %s, says what is expected, and changes nothing', async (value) => {
    for (const scope of [http, digest, bareDigest]) {
      const { id } = await abandoned('k1', { scope })
      const before = await find('k1', scope)
      const named = await resolve(scope, '--value', value)
      const byId = await cli(['keys', 'resolve', '--id', id, '--store', url, '--yes', '--happened', '--value', value])
      for (const said of [named, byId]) {
        expect(said).toMatchObject({ code: 2, out: '' })
        expect(said.err).toContain('{"status":201,"headers":[["content-type","application/json"]],"body":"…"}')
      }
      expect(await find('k1', scope)).toEqual({ ...before, readAt: expect.any(Number) })
    }
  })
})

describe('keys resolve --happened of an RPC', () => {
  it.each([rpc, rpcDigest])('takes no value that is not the end of a call (%s)', async (scope) => {
    await abandoned('k1', { scope })
    const said = await resolve(scope, '--value', '{"number":1}')
    expect(said).toMatchObject({ code: 2, out: '' })
    expect(said.err).toContain('or leave it out')
    expect((await resolve(scope)).code).toBe(0)
  })

  it('takes an error', async () => {
    await abandoned('k1', { scope: rpc })
    const value = '{"error":{"code":5,"message":"no such article","details":[],"metadata":[]}}'
    expect((await resolve(rpc, '--value', value)).code).toBe(0)
  })
})

it.each([
  'payments',
  '["a","b"]',
  '["shop","alice","post","/x"]',
  '["shop","alice","POST","x"]',
  '[1,2,"POST","/"]',
  '[',
])('a scope of another kind, such as %s, takes any value', async (scope) => {
  await abandoned('k1', { scope })
  expect((await resolve(scope, '--value', '"paid"')).code).toBe(0)
  const result = (await find('k1', scope))?.result
  expect(result && readResult('k1', result)).toEqual({ value: 'paid' })
})

it.each([
  ['payments', ['--value', '1'], 'done with the value you gave, and duplicates are answered with it'],
  ['payments', [], 'done with no value, and duplicates are answered with `undefined`'],
  [http, [], 'duplicates are told that it happened and that its answer is not known'],
])('keys resolve --happened says beforehand what duplicates of %s %j are answered', async (scope, argv, message) => {
  await abandoned('k1', { scope })
  const said = await resolve(scope, ...argv)
  expect(said.code).toBe(0)
  expect(said.err).toContain(message)
})
