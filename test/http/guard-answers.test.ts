import { describe, expect, it } from 'vitest'
import type { HttpReply } from '../../src/http/call.ts'
import { guarded, reply, seen } from './guard-kit.ts'

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

  it.each([
    ['a promise', async () => 'release'],
    ['a misspelt word', () => 'relase'],
  ])('whose outcome is %s is judged by its status, and that is reported', async (_, outcome) => {
    const reported: unknown[] = []
    const { ask, build, created, open, runs } = guarded({ outcome: outcome as never })
    const by = build(open({ onListenerError: (error) => reported.push(error) }))
    for (let call = 0; call < 2; call++) expect(seen(await ask({}, async () => reply(503), by))).toBe('503 ')
    expect(seen(await ask({}, created, by))).toBe('201 {"order":1}')
    expect(seen(await ask({}, created, by))).toBe('201 {"order":1} (replayed)')
    const said = expect.stringContaining("option `outcome` must be one of 'final', 'release', 'abandon'")
    expect([runs(), String(reported[0])]).toEqual([1, said])
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

  it.each([
    ['a text for bytes', (whole: HttpReply) => ({ ...whole, body: '{}' })],
    ['nothing', () => undefined],
    ['a promise', async (whole: HttpReply) => whole],
    ['no headers', ({ status, body }: HttpReply) => ({ status, body })],
    ['no status', ({ headers, body }: HttpReply) => ({ headers, body })],
  ])('is done and reported when `redact` answers %s', async (_, redact) => {
    const reported: unknown[] = []
    const { open, ask, build, runs } = guarded({ redact: redact as never, onUnrecordable: () => {} })
    const guard = build(open({ onListenerError: (error) => reported.push(error) }))
    expect(seen(await ask({}, undefined, guard))).toBe('201 {"order":1}')
    expect(seen(await ask({}, undefined, guard))).toBe('201  (replayed)')
    expect([runs(), reported.length]).toEqual([1, 1])
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
