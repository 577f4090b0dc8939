import { describe, expect, it } from 'vitest'
import { createGuard } from '../../src/http/guard.ts'
import { callOf, guarded, seen } from './guard-kit.ts'

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
    await expect(ask({ url: '/orders?card=4242' })).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message:
        'the function `scope` answered undefined for POST /orders: put authentication in front, and answer who is asking',
    })
    const concatenated = guarded({ scope: () => `user:${undefined}` })
    await expect(concatenated.ask()).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringMatching(/answered "user:undefined" for POST \/orders: .*what is left of a missing value/),
    })
    expect(runs() + concatenated.runs()).toBe(0)
  })

  it('a body that was parsed into what cannot be compared is a fault of the server, not of the key', async () => {
    const { build, created, runs } = guarded()
    const headers = { 'content-type': 'multipart/form-data; boundary=b' }
    const body = async () => ({ parsed: { name: 'mug', photo: Buffer.from('jpeg') } })
    const upload = { ...callOf({ headers }), body }
    await expect(build()(upload, created)).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringMatching(/payload\.photo is an instance of Buffer.+`fingerprint` a function/),
    })
    expect(runs()).toBe(0)
    const told = build(undefined, { fingerprint: () => 'jpeg' })
    expect(seen(await told(upload, created))).toBe('201 {"order":1}')
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

  it.each([
    [/^[0-9a-f]{8}$/, '^[0-9a-f]{8}$'],
    [/^\p{L}+$/u, '^\\p{L}+$'],
    [/^[0-9a-f]{8}$/i, undefined],
  ])('tells the pattern of keys where a schema can say it: %s', (keyPattern, pattern) => {
    expect(guarded({ keyPattern }).guard.describe().key.pattern).toBe(pattern)
  })

  it('lists the problems that can be met, in their own words', () => {
    const lines = (options: Parameters<typeof guarded>[0]) =>
      guarded(options)
        .guard.describe()
        .problems.map(({ status, code, title }) => `${status} ${code}: ${title}`)
    const own = lines({ header: 'X-Key', newKeysPerMinute: 5, canReplay: () => true })
    expect(own).toEqual([
      '400 missing-key: X-Key is missing',
      '400 invalid-key: X-Key is invalid',
      '409 conflict: A request is outstanding for this X-Key',
      '409 outcome-unknown: It is not known how this request ended',
      '409 unrecordable: The answer to this request cannot be given again',
      '403 replay-refused: The answer to this request may not be given again',
      '422 fingerprint-mismatch: X-Key is already used',
      '413 payload-too-large: The request is too large to be recognised again',
      '429 too-many-keys: Too many new keys',
      '503 store-unavailable: The request cannot be recorded at the moment',
      '503 closed: The server is shutting down',
    ])
    const rejecting = lines({ onDuplicate: 'reject', canReplay: () => true })
    expect(rejecting).toContain('409 duplicate: This request was already submitted')
    expect(rejecting.filter((line) => /replay-refused|unrecordable/.test(line))).toEqual([])
    const port = { accept: () => expect.fail(), spend: () => expect.fail() }
    const redeeming = lines({ tokens: port })
    expect(redeeming.slice(0, 2)).toEqual([
      '400 missing-key: Anti-Repeat-Token is missing',
      '403 invalid-token: The token is not valid here',
    ])
    expect(redeeming.filter((line) => line.includes('invalid-key'))).toEqual([])
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
