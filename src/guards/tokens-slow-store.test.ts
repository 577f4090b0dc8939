import { expect, it } from 'vitest'
import { onlyonce } from '../core/engine.ts'
import { sleep } from '../core/runtime.ts'
import type { Store } from '../core/store.ts'
import { memoryStore } from '../stores/memory/index.ts'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { tokens } from './tokens.ts'

const form = { subject: 'user:alice', operation: 'order_create', ttlMs: 3_000 }
const bound = { subject: form.subject, operation: form.operation }

it('a token that a slow store has written late is not redeemed beside the one that follows it', async () => {
  const runtime = fakeRuntime()
  const base = memoryStore({ runtime })
  const slow: Store = {
    ...base,
    async renew(all) {
      await sleep(runtime, 2_000)
      return base.renew(all)
    },
  }
  const start = runtime.now()
  const issuing = tokens(onlyonce({ store: slow, scope: 'shop', runtime })).issue(form)
  await runtime.advance(2_000)
  const first = await issuing
  expect(first.expiresAt.getTime() - start).toBe(form.ttlMs)
  const desk = tokens(onlyonce({ store: base, scope: 'shop', runtime }))
  await runtime.advance(999)
  await expect(desk.issue(form)).rejects.toMatchObject({ code: 'IN_FLIGHT' })
  await runtime.advance(2)
  const second = await desk.issue(form)
  let orders = 0
  const redeem = (token: string) => desk.redeem(token, bound, () => ++orders).catch((error) => error.code as string)
  expect([await redeem(first.token), await redeem(second.token)]).toEqual(['TOKEN_INVALID', 1])
  expect(await redeem(second.token)).toBe(1)
})
