import { describe, expect, it } from 'vitest'
import { OnlyonceError } from '../core/errors.ts'
import { idempotentFetch } from './idempotent-fetch.ts'
import { type IdempotentFetchOptions, resolveClient } from './options.ts'
import { redeliver } from './redeliver.ts'

const wrong: readonly (readonly [object, RegExp])[] = [
  [{ retries: 3 }, /^option `retries` is not an option; there are policy, key/],
  [
    { policy: 'forking' },
    /^option `policy` must be one of 'failover', 'failfast', 'failsafe', 'failback'; got "forking"$/,
  ],
  [{ maxAttempts: 0 }, /^option `maxAttempts` must be a positive integer;/],
  [{ deadlineMs: 1.5 }, /^option `deadlineMs`/],
  [{ readAheadBytes: -1 }, /^option `readAheadBytes` must be a positive integer or 0;/],
  [{ policy: 'failfast', maxAttempts: 2 }, /^option `maxAttempts` cannot be given with the policy 'failfast'/],
  [
    { backoffMs: 500, maxBackoffMs: 100 },
    /^option `maxBackoffMs` must not be shorter than backoffMs \(500\); got 100$/,
  ],
  [
    { fallback: () => new Response() },
    /^option `fallback` has no effect on the policy 'failover'; it is for 'failsafe'/,
  ],
  [{ queue: () => {} }, /^option `queue` has no effect/],
  [{ runtime: {} }, /^option `runtime` must be a Runtime/],
  [{ key: 'order-1' }, /^option `key` must be a function/],
  [{ keyHeader: 'bad name' }, /^option `keyHeader` must be the name of a header/],
  [{ keyFormat: 'sf' }, /^option `keyFormat`/],
  [{ methods: 'POST' }, /^option `methods` must be a list of strings/],
  [{ endpoints: ['https://a.example/api'] }, /^option `endpoints` must be origins/],
  [{ endpoints: ['ftp://a.example'] }, /^option `endpoints`/],
  [{ endpoints: ['https://me:hunter2@a.example'] }, /^option `endpoints`(?!.*hunter2)/],
]

describe('options of the client', () => {
  it.each(wrong)('%o is refused', (options, message) => {
    expect(() => idempotentFetch(fetch, options as IdempotentFetchOptions)).toThrow(message)
    expect(() => idempotentFetch(fetch, options as IdempotentFetchOptions)).toThrow(OnlyonceError)
  })

  it('have defaults that depend on the policy', () => {
    expect(resolveClient({})).toMatchObject({ policy: 'failover', maxAttempts: 4, deadlineMs: 60_000, backoffMs: 200 })
    for (const policy of ['failfast', 'failsafe', 'failback'] as const)
      expect(resolveClient({ policy }).maxAttempts).toBe(1)
    expect(resolveClient({ backoffMs: 20_000 }).maxBackoffMs).toBe(20_000)
  })

  it('fetch itself is needed', () => {
    for (const make of [idempotentFetch, redeliver])
      expect(() => make(undefined as never)).toThrow(/^option `fetch` must be a function/)
  })

  it('of redeliver are checked too', () => {
    expect(() => redeliver(fetch, { header: {} } as never)).toThrow(/^option `header` is not an option/)
    expect(() => redeliver(fetch, { attemptTimeoutMs: 0 })).toThrow(/^option `attemptTimeoutMs`/)
  })
})

it('a URL with a password is refused without printing it', async () => {
  for (const url of ['https://me:hunter2@a.example/x', 'http://me:hunter2@a b/']) {
    const message = await idempotentFetch(fetch)(url).catch((error: Error) => error.message)
    expect(message).toMatch(/^option `input` must/)
    expect(message).not.toContain('hunter2')
  }
})
