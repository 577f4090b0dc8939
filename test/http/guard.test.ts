import { describe, expect, it } from 'vitest'
import type { HttpReply } from '../../src/http/call.ts'
import { createGuard } from '../../src/http/guard.ts'
import { gate } from '../engine-kit.ts'
import { guarded, type Request, reply, seen } from './guard-kit.ts'

describe('a request', () => {
  it('runs once, and its duplicate gets the same answer', async () => {
    const { ask, runs } = guarded()
    const [first, second] = [await ask(), await ask()]
    expect([seen(first), seen(second)]).toEqual(['201 {"order":1}', '201 {"order":1} (replayed)'])
    expect(second?.headers).toContainEqual(['location', '/orders/1'])
    expect(second?.headers).toContainEqual(['cache-control', 'no-store'])
    expect(runs()).toBe(1)
  })

  it('is its own for every principal, method, path and query', async () => {
    const { ask, runs } = guarded()
    const others: Request[] = [
      {},
      { user: 'bob' },
      { url: '/refunds' },
      { url: '/orders?dry=1' },
      { method: 'PATCH' },
      { key: 'k2' },
    ]
    for (const other of others) expect(seen(await ask(other))).toContain('201')
    expect(runs()).toBe(others.length)
  })

  it('never meets another one because of how the parts of its name are put together', async () => {
    const { ask, runs } = guarded()
    await ask({ user: 'a","POST","/x', url: '/y' })
    await ask({ user: 'a', url: '/x","POST","/y' })
    await ask({ user: 'a', url: `/${'x'.repeat(300)}` })
    await ask({ user: 'a', url: `/${'x'.repeat(301)}` })
    await ask({ user: 'a', url: '/orders/undefined' })
    expect(runs()).toBe(5)
  })

  it('with another payload is refused, also while the first one runs, and harms nothing', async () => {
    const { ask, runs, created } = guarded()
    const { started, effect } = gate<HttpReply>()
    const first = ask({}, effect)
    await new Promise((resolve) => setImmediate(resolve))
    expect(seen(await ask({ body: '{"amount":2}' }))).toBe('422 fingerprint-mismatch')
    started[0]?.resolve(await created(undefined as never))
    expect(seen(await first)).toBe('201 {"order":1}')
    expect(seen(await ask({ body: '{"amount":2}' }))).toBe('422 fingerprint-mismatch')
    expect(seen(await ask())).toBe('201 {"order":1} (replayed)')
    expect(runs()).toBe(1)
  })

  it.each(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])('with %s passes untouched', async (method) => {
    const { ask, guard } = guarded()
    expect(await ask({ method })).toBeUndefined()
    expect(guard.concerns(method)).toBe(false)
  })

  it('is told when to ask again while the first one runs', async () => {
    const { ask, runtime } = guarded()
    void ask({}, gate<HttpReply>().effect)
    await runtime.advance(500)
    const answer = await ask()
    expect(seen(answer)).toBe('409 conflict')
    expect(answer?.headers).toContainEqual(['retry-after', '3'])
  })
})

describe('a key', () => {
  it('is not needed, unless it is required', async () => {
    expect(await guarded().ask({ key: '' })).toBeUndefined()
    expect(seen(await guarded({ required: true }).ask({ key: '' }))).toBe('400 missing-key')
    const some = guarded({ required: ({ url }) => url === '/orders' })
    expect(seen(await some.ask({ key: '' }))).toBe('400 missing-key')
    expect(await some.ask({ key: '', url: '/likes' })).toBeUndefined()
  })

  it.each([
    '""',
    ' ',
    'a b',
    'a, b',
    'a,b',
    '"a"b',
    '"a',
    'a"b',
    'ä',
    'a\tb',
    '"a\u0001"',
    '\\',
    'x'.repeat(256),
    `"${'x'.repeat(256)}"`,
  ])('%j is refused, and the handler does not run', async (key) => {
    const { ask, runs } = guarded()
    expect(seen(await ask({ key }))).toMatch(/^400 (invalid|missing)-key$/)
    expect(runs()).toBe(0)
  })

  it('is the same bare, quoted, and with parameters', async () => {
    const { ask, runs } = guarded()
    for (const key of ['k1', '"k1"', '"k1";v=1', ' "k1" '])
      expect(seen(await ask({ key }))).toContain('201 {"order":1}')
    expect(runs()).toBe(1)
    expect(seen(await guarded({ keySyntax: 'strict' }).ask({ key: 'k1' }))).toBe('400 invalid-key')
  })

  it('may have to look a certain way', async () => {
    const { ask } = guarded({ keyPattern: /^[0-9a-f-]{36}$/ })
    expect(seen(await ask())).toBe('400 invalid-key')
    expect(seen(await ask({ key: '7d9f8f4e-0c7e-4d0e-9f58-6f2f0c6e7f10' }))).toContain('201')
  })

  it('may come from the business', async () => {
    const { ask, runs } = guarded({ key: ({ request }) => request.headers?.['x-event'] })
    const event = { key: '', headers: { 'x-event': 'evt_1' } }
    expect(seen(await ask(event))).toContain('201')
    expect(seen(await ask(event))).toContain('replayed')
    expect(await ask({ key: 'k1' })).toBeUndefined()
    expect(runs()).toBe(1)
  })
})

describe('an answer', () => {
  it.each([200, 204, 205, 301, 303, 304, 400, 404, 410, 422])('of %i is kept', async (status) => {
    const { ask, created } = guarded()
    await ask({}, async () => reply(status))
    expect(seen(await ask({}, created))).toBe(`${status}  (replayed)`)
  })

  it.each([401, 403, 408, 409, 425, 429, 500, 502, 503])('of %i frees the key', async (status) => {
    const { ask, runs } = guarded()
    expect(seen(await ask({}, async () => reply(status)))).toBe(`${status} `)
    expect(seen(await ask())).toBe('201 {"order":1}')
    expect(runs()).toBe(1)
  })

  it('that frees the key leaves it bound to its payload', async () => {
    const { ask } = guarded()
    await ask({}, async () => reply(503))
    expect(seen(await ask({ body: '{}' }))).toBe('422 fingerprint-mismatch')
  })

  it('is final or not as the resource says, and a policy that throws changes nothing', async () => {
    const stripe = guarded({ outcome: ({ status }) => (status === 500 ? 'final' : undefined) })
    await stripe.ask({}, async () => reply(500))
    expect(seen(await stripe.ask())).toBe('500  (replayed)')
    const broken = guarded({
      outcome: () => {
        throw new Error('no policy')
      },
    })
    expect(seen(await broken.ask())).toBe('201 {"order":1}')
    expect(seen(await broken.ask())).toBe('201 {"order":1} (replayed)')
  })

  it('that is thrown goes to the framework and frees the key', async () => {
    const { ask, runs } = guarded()
    await expect(ask({}, () => Promise.reject(new Error('boom')))).rejects.toThrow('boom')
    expect(seen(await ask())).toBe('201 {"order":1}')
    expect(runs()).toBe(1)
  })

  it('gives nobody a cookie, a challenge or a date again', async () => {
    const { ask } = guarded()
    const personal = ['set-cookie', 'www-authenticate', 'date', 'connection', 'x-request-id'].map(
      (name) => [name, 'x'] as const,
    )
    await ask({}, async () => reply(200, '', [...personal, ['link', '<a>'], ['link', '<b>']]))
    const again = await ask()
    expect(again?.headers.map(([name]) => name)).toEqual([
      'content-type',
      'link',
      'link',
      'cache-control',
      'idempotency-replayed',
    ])
  })

  it('without its bytes says so', async () => {
    const { ask } = guarded({ onUnrecordable: () => {} })
    await ask({}, async () => ({ status: 200, headers: [], body: undefined, omitted: 'too-long' }))
    const again = await ask()
    expect(again).toMatchObject({ status: 200, body: new Uint8Array(0) })
    expect(again?.headers).toContainEqual(['idempotency-body-omitted', 'too-long'])
    await ask({ key: 'k2' }, async () => ({ status: 200, headers: [], body: undefined, omitted: 'event-stream' }))
    expect(seen(await ask({ key: 'k2' }))).toBe('409 unrecordable')
  })

  it('is redacted before it is stored; when that fails, only its status is', async () => {
    const { ask } = guarded({
      redact: (whole) => ({ ...whole, body: new TextEncoder().encode('{}') }),
      onUnrecordable: () => {},
    })
    expect(seen(await ask())).toBe('201 {"order":1}')
    expect(seen(await ask())).toBe('201 {} (replayed)')
    const broken = guarded({
      redact: () => {
        throw new Error('no')
      },
      onUnrecordable: () => {},
    })
    expect(seen(await broken.ask())).toBe('201 {"order":1}')
    expect(seen(await broken.ask())).toBe('201  (replayed)')
  })

  it('is not given again to whom it may not be, or where duplicates are rejected', async () => {
    let allowed = true
    const { ask, guard, build, once } = guarded({ canReplay: () => allowed })
    await ask()
    allowed = false
    expect(seen(await ask())).toBe('403 replay-refused')
    expect(guard.rules.atomic).toBe(false)
    allowed = true
    expect(seen(await ask({}, undefined, build(once, { onDuplicate: 'reject' })))).toBe('409 duplicate')
  })

  it('is not given again where the engine rejects duplicates, unless the guard says otherwise', async () => {
    const { ask, open, build } = guarded()
    const rejecting = open({ onDuplicate: 'reject' })
    const strict = build(rejecting)
    await ask({}, undefined, strict)
    expect(seen(await ask({}, undefined, strict))).toBe('409 duplicate')
    expect(strict.describe().duplicates).toBe('reject')
    expect(seen(await ask({}, undefined, build(rejecting, { onDuplicate: 'replay' })))).toContain('replayed')
  })

  it('that was damaged in the store reaches nobody', async () => {
    const { ask, once, runs } = guarded()
    await ask()
    const [record] = (await once.store.list({ limit: 1 })).items
    await once.store.forget([record?.id as string])
    const named = {
      key: record?.key as string,
      scope: record?.scope as string,
      fingerprint: record?.fingerprint as string,
    }
    for (const evil of [
      null,
      'text',
      { status: 200, headers: [['x', 'a\r\nset-cookie: b']] },
      { status: 99, headers: [] },
      { status: 200 },
    ]) {
      await once(named, () => evil)
      expect(seen(await ask())).toBe('409 outcome-unknown')
      await once.forget(named)
    }
    expect(runs()).toBe(1)
  })
})

describe('options', () => {
  it.each([
    [{}, 'scope'],
    [{ scope: 'tenant' }, 'scope'],
    [{ scope: 'public', maxBodyBytes: 0 }, 'maxBodyBytes'],
    [{ scope: 'public', replayHeaders: ['Set-Cookie'] }, 'Set-Cookie'],
    [{ scope: 'public', keyPattern: /x/g }, 'keyPattern'],
    [{ scope: 'public', header: 'a b' }, 'header'],
    [{ scope: 'public', docs: 'x"y' }, 'docs'],
    [{ scope: 'public', onThrow: 'remember' }, 'onThrow'],
    [{ scope: 'public', lease: 3 }, 'lease'],
    [{ scope: 'public', leaseMs: -1 }, 'leaseMs'],
    [{ scope: 'public', onAbandoned: 'later' }, 'onAbandoned'],
    [{ scope: 'public', atomic: true }, 'atomic'],
    [{ scope: 'public', tokens: {} }, 'tokens'],
  ])('%j is refused at once', (options, word) => {
    const { once } = guarded()
    expect(() => createGuard(once, options as never)).toThrow(word)
  })

  it('a principal may be longer than a scope, and is still told from another', async () => {
    const { ask, runs } = guarded()
    const long = 'x'.repeat(300)
    for (const user of [`${long}a`, `${long}b`, `${long}a`]) expect(seen(await ask({ user }))).toContain('201')
    expect(runs()).toBe(2)
  })

  it('a principal that is missing is a fault of the server, not a shared space', async () => {
    const { ask, runs } = guarded({ scope: () => undefined as never })
    await expect(ask()).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    const concatenated = guarded({ scope: () => `user:${undefined}` })
    await expect(concatenated.ask()).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    expect(runs() + concatenated.runs()).toBe(0)
  })
})

it('new keys are limited for each scope, and duplicates are not new', async () => {
  const { ask, runs, runtime } = guarded({ newKeysPerMinute: 3 })
  for (const key of ['a', 'b', 'c']) await ask({ key })
  const refused = await ask({ key: 'd' })
  expect(seen(refused)).toBe('429 too-many-keys')
  expect(refused?.headers).toContainEqual(['retry-after', '60'])
  expect(seen(await ask({ key: 'a' }))).toContain('replayed')
  expect(seen(await ask({ key: 'd', user: 'bob' }))).toContain('201')
  await runtime.advance(60_000)
  expect(seen(await ask({ key: 'd' }))).toContain('201')
  expect(runs()).toBe(5)
})

it('no more duplicates wait than may', async () => {
  const { ask, runs, created } = guarded({ onInFlight: 'wait', maxWaiting: 3 })
  const { started, effect } = gate<HttpReply>()
  const first = ask({}, effect)
  await new Promise((resolve) => setImmediate(resolve))
  const waiting = Array.from({ length: 5 }, () => ask())
  await new Promise((resolve) => setImmediate(resolve))
  started[0]?.resolve(await created(undefined as never))
  const answers = (await Promise.all([first, ...waiting])).map(seen)
  expect(answers.filter((one) => one === '409 conflict')).toHaveLength(2)
  expect(answers.filter((one) => one.startsWith('201'))).toHaveLength(4)
  expect(runs()).toBe(1)
})

describe('the policy', () => {
  it('is told to people and to programs', () => {
    const { guard } = guarded({ required: true, retentionMs: 172_800_000, docs: 'https://shop.example/keys' })
    const policy = guard.describe()
    expect(policy).toMatchObject({
      header: 'Idempotency-Key',
      required: true,
      expiresAfterSeconds: 172_800,
      methods: ['POST', 'PATCH'],
    })
    const { parameters, responses, ...extension } = policy.openapi()
    expect(parameters).toMatchObject([{ name: 'Idempotency-Key', in: 'header', required: true }])
    expect(Object.keys(responses)).toEqual(['400', '409', '413', '422', '503'])
    expect(JSON.parse(JSON.stringify(extension))['x-idempotency'].expiresAfterSeconds).toBe(172_800)
  })

  it('stands in every problem', async () => {
    const { ask } = guarded({ required: true, docs: 'https://shop.example/keys', header: 'Request-Id' })
    const answer = await ask({ key: '' })
    const headers = Object.fromEntries(answer?.headers ?? [])
    expect(headers).toMatchObject({
      'content-type': 'application/problem+json',
      'content-language': 'en',
      'cache-control': 'no-store',
      link: '<https://shop.example/keys>; rel="describedby"; type="text/html"',
    })
    expect(JSON.parse(new TextDecoder().decode(answer?.body))).toMatchObject({
      type: 'https://shop.example/keys#missing-key',
      title: 'Request-Id is missing',
      status: 400,
      code: 'missing-key',
    })
  })
})

it('a body counts by what it says', async () => {
  const { ask } = guarded()
  const same = ['{"a":1,"b":{"c":[1,2]}}', '{ "b": {"c":[1.0,2]}, "a": 1e0 }', '{"a":1,"b":{"c":[1,2]}}\n']
  for (const body of same) expect(seen(await ask({ body }))).toContain('201 {"order":1}')
  const others = [
    '{"a":"1","b":{"c":[1,2]}}',
    '{"a":1,"b":{"c":[2,1]}}',
    '{"a":0,"a":1,"b":{"c":[1,2]}}',
    '{"a":1,"b":{"c":[1,2]}',
    '',
  ]
  for (const body of others) expect(seen(await ask({ body }))).toBe('422 fingerprint-mismatch')
  const raw = guarded({ fingerprint: 'raw' })
  await raw.ask({ body: '{"a":1}' })
  expect(seen(await raw.ask({ body: '{"a": 1}' }))).toBe('422 fingerprint-mismatch')
  expect(seen(await raw.ask({ key: 'k3', body: 'x'.repeat(2_000_000) }))).toBe('413 payload-too-large')
})
