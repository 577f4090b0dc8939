import { expect, it } from 'vitest'
import { encodeResult } from '../core/codec.ts'
import { onlyonce } from '../core/engine.ts'
import type { Store } from '../core/store.ts'
import { memoryStore } from '../stores/memory/index.ts'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { type TokensOptions, tokens } from './tokens.ts'

const form = { subject: 'user:alice', operation: 'order_create' }
const replace: TokensOptions = { onOpen: 'replace' }
const reuse: TokensOptions = { onOpen: 'reuse', secret: 'a secret of at least thirty-two bytes' }
type Verb = 'claim' | 'renew' | 'find'

/** Two processes that issue tokens for one form, of which the first stops at a call of the store until it is let go. */
function race(options: TokensOptions, verb: Verb, call: number) {
  const runtime = fakeRuntime()
  const base = memoryStore({ runtime })
  let go = () => {}
  const gone = new Promise<void>((resolve) => (go = resolve))
  let calls = 0
  const stopping = async () => {
    if (++calls === call) await gone
  }
  const store: Store = {
    ...base,
    async claim(requests) {
      if (verb === 'claim') await stopping()
      return base.claim(requests)
    },
    async renew(renewals) {
      if (verb === 'renew') await stopping()
      return base.renew(renewals)
    },
    async find(ids) {
      const found = await base.find(ids)
      if (verb === 'find') await stopping()
      return found
    },
  }
  // Time stands still in the process that stopped.
  const stopped = tokens(onlyonce({ store, scope: 'shop', runtime: fakeRuntime({ seed: 2 }) }), options)
  const other = tokens(onlyonce({ store: base, scope: 'shop', runtime }), options)
  let orders = 0
  const redeem = (token: string | undefined) =>
    other.redeem(token ?? 'none', form, () => ++orders).catch((error) => error.code as string)
  const redeemAll = async (all: readonly (string | undefined)[]) => {
    for (const token of new Set(all)) await redeem(token)
    return orders
  }
  const issue = (by: typeof other, ttlMs = 60_000) =>
    by.issue({ ...form, ttlMs }).catch((error) => ({ token: undefined, code: error.code as string }))
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  return { runtime, base, stopped, other, issue, redeem, redeemAll, turn, go: () => go() }
}

it("'replace' leaves one live token where the open one was about to be written down", async () => {
  const { stopped, other, issue, redeem, redeemAll, turn, go } = race(replace, 'claim', 2)
  const first = issue(stopped)
  await turn()
  const second = await issue(other)
  go()
  expect(await first).toMatchObject({ code: 'IN_FLIGHT' })
  const third = await issue(other)
  expect(await redeem(second.token)).toBe('TOKEN_INVALID')
  expect(await redeemAll([second.token, third.token])).toBe(1)
})

it("'replace' leaves one live token where the open one was written down after the look at it", async () => {
  // The second look is at the token that is to be replaced, of which there is nothing yet.
  const { stopped, other, issue, redeemAll, turn, go, base } = race(replace, 'find', 2)
  let write = () => {}
  const written = new Promise<void>((resolve) => (write = resolve))
  let claims = 0
  const slow = onlyonce({
    store: { ...base, claim: async (all) => (++claims === 2 ? written.then(() => base.claim(all)) : base.claim(all)) },
    scope: 'shop',
    runtime: fakeRuntime({ seed: 3 }),
  })
  const first = issue(tokens(slow, replace))
  await turn()
  const second = issue(stopped)
  await turn()
  write()
  const tokenOfFirst = (await first).token
  go()
  const tokenOfSecond = (await second).token
  expect([tokenOfFirst, tokenOfSecond]).toEqual([expect.any(String), expect.any(String)])
  expect(await redeemAll([tokenOfFirst, tokenOfSecond, (await issue(other)).token])).toBe(1)
})

it("'replace' does not answer a token that was replaced while it was being written down", async () => {
  const { stopped, other, issue, redeemAll, turn, go, runtime } = race(replace, 'renew', 1)
  const first = issue(stopped)
  await turn()
  await runtime.advance(1_000)
  const second = await issue(other)
  go()
  expect(await first).toMatchObject({ code: 'IN_FLIGHT' })
  expect(await redeemAll([second.token])).toBe(1)
})

it.each([['reject'], ['reuse'], ['replace']] as const)(
  '%j answers no token that was written down after its time',
  async (onOpen) => {
    const { stopped, other, issue, redeemAll, turn, go, runtime } = race({ ...reuse, onOpen }, 'claim', 2)
    const first = issue(stopped, 2_000)
    await turn()
    await runtime.advance(2_001)
    const second = await issue(other)
    go()
    expect(await first).toMatchObject({ code: 'IN_FLIGHT' })
    expect(await redeemAll([second.token])).toBe(1)
  },
)

it('a token that was too late is dead, and not only unanswered', async () => {
  const { stopped, other, issue, turn, go, runtime, base } = race({}, 'claim', 2)
  const first = issue(stopped, 2_000)
  await turn()
  await runtime.advance(2_001)
  await issue(other)
  go()
  await first
  const { items } = await base.list({ scope: 'shop/token', limit: 9 })
  expect(items.map(({ state }) => state).sort()).toEqual(['done', 'idle'])
})

it("'reuse' answers the token of one who is about to write it down, and no other beside it", async () => {
  const { stopped, other, issue, redeemAll, turn, go } = race(reuse, 'claim', 2)
  const first = issue(stopped)
  await turn()
  const second = await issue(other)
  go()
  const all = [(await first).token, second.token, (await issue(other)).token]
  expect(new Set(all).size).toBe(1)
  expect(await redeemAll(all)).toBe(1)
})

it("'reuse' keeps the slot of a token that somebody else is writing down", async () => {
  const { stopped, other, issue, redeemAll, turn, go, base } = race(reuse, 'claim', 2)
  let write = () => {}
  const written = new Promise<void>((resolve) => (write = resolve))
  const slow = onlyonce({
    store: { ...base, renew: (all) => written.then(() => base.renew(all)) },
    scope: 'shop',
    runtime: fakeRuntime({ seed: 3 }),
  })
  const first = issue(stopped)
  await turn()
  const second = issue(tokens(slow, reuse))
  await turn()
  go()
  expect(await first).toMatchObject({ code: 'IN_FLIGHT' })
  write()
  const third = await issue(other)
  expect(third.token).toBe((await second).token)
  expect(await redeemAll([third.token])).toBe(1)
})

it("'reuse' puts down anew what was put down half", async () => {
  const runtime = fakeRuntime()
  const base = memoryStore({ runtime })
  let renewals = 0
  const store: Store = {
    ...base,
    renew: (all) => (renewals++ === 0 ? Promise.reject(new Error('down')) : base.renew(all)),
  }
  const { issue, redeem } = tokens(onlyonce({ store, scope: 'shop', runtime }), reuse)
  await expect(issue(form)).rejects.toThrow('down')
  await runtime.advance(500)
  const { token } = await issue(form)
  expect(await redeem(token, form, () => 'ordered')).toBe('ordered')
})

it('a slot that a person resolved is told of, and not asked for without end', async () => {
  const { base, other } = race(replace, 'find', 99)
  await other.issue({ ...form, ttlMs: 60_000 })
  for (const { id, owner, fence, state } of (await base.list({ limit: 10 })).items) {
    if (state !== 'running') continue
    const result = { kind: 'value', body: encodeResult(undefined) } as const
    await base.complete([{ lease: { id, owner, fence }, result, retentionMs: 60_000 }])
  }
  await expect(other.issue({ ...form, ttlMs: 60_000 })).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
})
