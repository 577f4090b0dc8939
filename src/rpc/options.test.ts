import { describe, expect, it } from 'vitest'
import { OnlyonceError } from '../core/errors.ts'
import { type CallsOptions, resolveCalls } from './calls-options.ts'
import { CODE, REFUSALS } from './codes.ts'
import { idempotency } from './idempotency.ts'
import { type RpcIdempotencyOptions, resolveRpc } from './options.ts'
import { retryAfter } from './retrying.ts'

describe('options of the server', () => {
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{}, /^option `scope` is required: a function that answers who is asking, or 'public'/],
    [{ scope: 'tenant' }, /^option `scope` is required/],
    [{ scope: 'public', scopes: 1 }, /^option `scopes` is not an option; there are scope, key/],
    [{ scope: 'public', onThrow: 'remember' }, /^option `onThrow` is not an option/],
    [{ scope: 'public', key: 'k' }, /^option `key` must be a function/],
    [{ scope: 'public', required: 'yes' }, /^option `required`/],
    [{ scope: 'public', streams: 'record' }, /^option `streams` must be one of 'refuse', 'pass'/],
    [{ scope: 'public', maxBodyBytes: 0 }, /^option `maxBodyBytes` must be a positive integer; got 0$/],
    [{ scope: 'public', onAbandoned: 'forget' }, /^option `onAbandoned`/],
    [{ scope: 'public', keyHeader: 'a b' }, /^option `keyHeader` must be the name of a header/],
    [{ scope: 'public', replayHeaders: 'x-cost' }, /^option `replayHeaders` must be a list of strings; got "x-cost"$/],
    [{ scope: 'public', compression: 'gzip' }, /^option `compression` must be a list of strings; got "gzip"$/],
    ...['Set-Cookie', 'grpc-status', 'content-type', 'connection'].map(
      (name) => [{ scope: 'public', replayHeaders: [name] }, /^option `replayHeaders` must not name/] as const,
    ),
  ]
  it.each(wrong)('%o is refused', (options, message) => {
    expect(() => resolveRpc(options as RpcIdempotencyOptions)).toThrow(message)
    expect(() => resolveRpc(options as RpcIdempotencyOptions)).toThrow(OnlyonceError)
  })

  it('an engine is needed', () => {
    expect(() => idempotency(undefined as never, { scope: 'public' })).toThrow(/^option `once` is required/)
  })
})

describe('options of the client', () => {
  it.each([
    [{ retries: 1 }, /^option `retries` is not an option/],
    [{ maxAttempts: 0 }, /^option `maxAttempts` must be a positive integer/],
    [{ key: 'k' }, /^option `key` must be a function/],
    [{ keyHeader: 'a b' }, /^option `keyHeader` must be the name of a header; got "a b"$/],
    [{ runtime: {} }, /^option `runtime` must be a Runtime/],
    [{ replayedHeader: '' }, /^option `replayedHeader` must be the name of a header/],
    [
      { backoffMs: 500, maxBackoffMs: 100 },
      /^option `maxBackoffMs` must not be shorter than backoffMs \(500\); got 100$/,
    ],
  ])('%o is refused', (options, message) => {
    expect(() => resolveCalls(options as CallsOptions)).toThrow(message)
  })
})

it('what may be sent again as it is has a code that clients send again, and nothing else has', () => {
  for (const [code, refusal] of Object.entries(REFUSALS)) {
    const { retryable } = new OnlyonceError(code as keyof typeof REFUSALS, '')
    const again = refusal.code === CODE.aborted || refusal.code === CODE.unavailable
    // An engine that is closed stays closed; the client's next attempt may reach another process.
    expect([code, again]).toEqual([code, retryable || code === 'CLOSED'])
  }
})

it('a `retry` that answers a promise, which would count as true, is told', () => {
  const options = resolveCalls({ retry: (async () => false) as never })
  const error = { code: CODE.invalidArgument, metadata: new Headers() } as never
  expect(() => retryAfter(error, 1, options)).toThrow(/^option `retry` must answer true, false or undefined/)
})
