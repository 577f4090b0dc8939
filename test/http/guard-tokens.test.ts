import { describe, expect, it } from 'vitest'
import { storedValue } from '../../src/core/result.ts'
import { tokens } from '../../src/guards/tokens.ts'
import { createGuard } from '../../src/http/guard.ts'
import { engine } from '../engine-kit.ts'
import { callOf, guarded, type Request, reply, seen } from './guard-kit.ts'

function form(options: object = {}) {
  const { once, runtime, store, open } = engine()
  const desk = tokens(once)
  const guardOf = (of = once) =>
    createGuard<Request>(of, { tokens: tokens(of), scope: ({ request }) => request.user ?? 'alice', ...options })
  const guard = guardOf()
  let runs = 0
  const submit = async (token: string | undefined, request: Request = {}, status = 201, by = once) => {
    const headers: Record<string, string> = token === undefined ? {} : { 'anti-repeat-token': token }
    return seen(
      await (by === once ? guard : guardOf(by))(callOf({ ...request, headers }), async () =>
        reply(status, `{"order":${++runs}}`),
      ),
    )
  }
  const issue = async (subject = 'alice') => (await desk.issue({ subject, operation: 'POST /orders' })).token
  return { desk, once, guard, store, open, issue, submit, runtime, runs: () => runs }
}

describe('a form with a one-time token', () => {
  it('is carried out once, and submitted again it is answered the same', async () => {
    const { issue, submit, runs } = form()
    const token = await issue()
    expect(await submit(token)).toBe('201 {"order":1}')
    expect(await submit(token)).toBe('201 {"order":1} (replayed)')
    expect(runs()).toBe(1)
  })

  it('may be submitted again after it failed, with the same token', async () => {
    const { issue, submit } = form()
    const token = await issue()
    expect(await submit(token, {}, 503)).toBe('503 {"order":1}')
    await expect(issue()).rejects.toMatchObject({ code: 'IN_FLIGHT' })
    expect(await submit(token)).toBe('201 {"order":2}')
    expect(await submit(await issue())).toBe('201 {"order":3}')
  })

  it('needs a token of this user for this route, and no other', async () => {
    const { issue, submit, runs } = form()
    const token = await issue()
    expect(await submit(undefined)).toBe('400 missing-key')
    expect(await submit('made up')).toBe('403 invalid-token')
    expect(await submit(token, { user: 'bob' })).toBe('403 invalid-token')
    expect(await submit(token, { url: '/refunds' })).toBe('403 invalid-token')
    expect(runs()).toBe(0)
    expect(await submit(token, { url: '/orders?from=cart' })).toBe('201 {"order":1}')
  })

  it('that a person resolved without an answer was carried out, whatever it was spent on', async () => {
    const { once, issue, submit, guard, store, open } = form()
    const token = await issue()
    void guard(callOf({ headers: { 'anti-repeat-token': token } }), () => new Promise(() => {}))
    await new Promise((resolve) => setImmediate(resolve))
    const spent = (await store.list({ limit: 10, scope: `${once.options.scope}/token` })).items.map(
      ({ id, owner, fence }) => ({ lease: { id, owner, fence }, result: storedValue(undefined), retentionMs: 60_000 }),
    )
    expect(await store.complete(spent)).toEqual(['ok'])
    expect(await submit(token, {}, 201, open())).toBe('409 unrecordable')
  })

  it('that was carried out does not answer another form with the same token', async () => {
    const { issue, submit, runs } = form()
    const token = await issue()
    await submit(token)
    expect(await submit(token, { body: '{"amount":9}' })).toBe('422 fingerprint-mismatch')
    expect(await submit(token)).toBe('201 {"order":1} (replayed)')
    expect(runs()).toBe(1)
  })

  it('is told that it was submitted already, where that is wanted', async () => {
    const { issue, submit } = form({ onDuplicate: 'reject' })
    const token = await issue()
    await submit(token)
    expect(await submit(token)).toBe('409 duplicate')
  })

  it('is too late after its time', async () => {
    const { desk, submit, runtime, runs } = form()
    const { token } = await desk.issue({ subject: 'alice', operation: 'POST /orders', ttlMs: 60_000 })
    await runtime.advance(60_001)
    expect(await submit(token)).toBe('403 invalid-token')
    expect(runs()).toBe(0)
  })

  it('cannot have a key of another kind as well', () => {
    const { once } = guarded()
    const mixed = { scope: 'public', tokens: tokens(once), key: () => 'k' } as const
    expect(() => createGuard(once, mixed)).toThrow('tokens')
  })
})
