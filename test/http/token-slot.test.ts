import { describe, expect, it } from 'vitest'
import { tokens } from '../../src/guards/tokens.ts'
import { createGuard } from '../../src/http/guard.ts'
import { engine } from '../engine-kit.ts'
import { callOf, type Request, reply, seen } from './guard-kit.ts'

const form = { subject: 'alice', operation: 'POST /orders' }
const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('the place of a token that a form is submitted with', () => {
  it('is kept while its answer is not stored', async () => {
    const { once, open } = engine()
    const dying = open({}, (verb) => (verb === 'complete' ? { kind: 'hang', applied: false } : undefined))
    const guard = createGuard<Request>(dying, { tokens: tokens(dying), scope: () => 'alice' })
    const { token } = await tokens(once).issue(form)
    let runs = 0
    const headers = { 'anti-repeat-token': token }
    void guard(callOf({ headers }), async () => reply(201, `{"order":${++runs}}`))
    await turn()
    await turn()
    expect(runs).toBe(1)
    await expect(tokens(once).issue(form)).rejects.toMatchObject({ code: 'IN_FLIGHT' })
  })

  it('is free as soon as its answer is given, without another who asks', async () => {
    const { once, store } = engine()
    const guard = createGuard<Request>(once, { tokens: tokens(once), scope: () => 'alice' })
    const { token } = await tokens(once).issue(form)
    const headers = { 'anti-repeat-token': token }
    expect(seen(await guard(callOf({ headers }), async () => reply(201, 'ok')))).toBe('201 ok')
    expect((await store.list({ scope: 'test/anti_repeat', limit: 9 })).items).toMatchObject([{ state: 'idle' }])
  })
})
