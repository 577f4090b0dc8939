import { describe, expect, it } from 'vitest'
import { createGuard } from '../../src/http/guard.ts'
import { guarded, seen } from './guard-kit.ts'

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

  it.each([undefined, {}, 'once', { claim: () => {} }])('%j in place of an engine is refused at once', (given) => {
    expect(() => createGuard(given as never, { scope: 'public' })).toThrow('must be an engine')
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
