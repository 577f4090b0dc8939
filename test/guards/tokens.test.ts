import { describe, expect, it } from 'vitest'
import { onlyonce } from '../../src/core/engine.ts'
import type { Store } from '../../src/core/store.ts'
import { type TokensOptions, tokens } from '../../src/guards/tokens.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { fakeRuntime } from '../../src/testing/fake-runtime.ts'

const SECRET = 'a secret of at least thirty-two bytes'
const alice = { subject: 'user:alice', operation: 'order_create' }
const bob = { subject: 'user:bob', operation: 'order_create' }
const MINUTE = 60_000

function desk(options: TokensOptions = {}, wrap: (store: Store) => Store = (store) => store) {
  const runtime = fakeRuntime()
  const store = memoryStore({ runtime })
  const once = onlyonce({ store: wrap(store), scope: 'shop', runtime, storeTimeoutMs: 1_000 })
  let runs = 0
  const order = () => ({ order: ++runs })
  const records = async () => (await store.list({ limit: 100 })).items
  return { runtime, store, once, order, records, runs: () => runs, ...tokens(once, options) }
}

const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'fulfilled',
    (error) => error.code ?? String(error),
  )

describe('a token', () => {
  it('runs the effect once, and gives duplicates its result', async () => {
    const { issue, redeem, order, runs } = desk()
    const { token } = await issue(alice)
    const answers = [await redeem(token, alice, order), await redeem(token, alice, order)]
    expect(answers).toEqual([{ order: 1 }, { order: 1 }])
    expect(runs()).toBe(1)
  })

  it('may be tried again after the effect failed', async () => {
    const { issue, redeem, order, runs } = desk()
    const { token } = await issue(alice)
    const refused = () => Promise.reject(new Error('card refused'))
    await expect(redeem(token, alice, refused)).rejects.toThrow('card refused')
    expect(await redeem(token, alice, order)).toEqual({ order: 1 })
    expect(runs()).toBe(1)
  })

  it.each(['issued', 'charged'])('its effect may have a step named %s', async (name) => {
    const { issue, redeem, order, runs } = desk()
    const { token } = await issue(alice)
    expect(await redeem(token, alice, (op) => op.step(name, order))).toEqual({ order: 1 })
    expect(runs()).toBe(1)
  })

  it.each([
    ['of somebody else', bob],
    ['for another operation', { ...alice, operation: 'refund' }],
  ])('is refused when it is %s, and stays valid', async (_, foreign) => {
    const { issue, redeem, order, runs } = desk()
    const { token } = await issue(alice)
    expect(await code(redeem(token, foreign, order))).toBe('TOKEN_INVALID')
    expect(runs()).toBe(0)
    expect(await redeem(token, alice, order)).toEqual({ order: 1 })
  })

  it.each(['', 'x', `${'0'.repeat(32)}.${'A'.repeat(43)}`, `${'0'.repeat(1_000_000)}`, 'order:1', undefined])(
    'that was made up (%#) is refused, and leaves no record',
    async (made) => {
      const { redeem, order, records } = desk()
      expect(await code(redeem(made as string, alice, order))).toBe('TOKEN_INVALID')
      expect(await records()).toEqual([])
    },
  )

  it('is refused when one character of it was changed, whichever', async () => {
    const { issue, redeem, order, runs } = desk()
    const { token } = await issue(alice)
    for (let at = 0; at < token.length - 1; at++) {
      const other = token[at] === 'a' ? 'b' : 'a'
      expect(await code(redeem(token.slice(0, at) + other + token.slice(at + 1), alice, order))).toBe('TOKEN_INVALID')
    }
    expect(runs()).toBe(0)
  })

  it('expires', async () => {
    const { issue, redeem, order, runtime, runs } = desk()
    const { token, expiresAt } = await issue({ ...alice, ttlMs: MINUTE })
    expect(expiresAt.getTime()).toBe(runtime.now() + MINUTE)
    await runtime.advance(MINUTE + 1)
    expect(await code(redeem(token, alice, order))).toBe('TOKEN_INVALID')
    expect(runs()).toBe(0)
  })

  it('that expires between the look and the claim is not redeemed', async () => {
    let expire = false
    const { issue, redeem, order, runtime, runs } = desk({}, (store) => ({
      ...store,
      async find(ids) {
        const found = await store.find(ids)
        if (expire) await store.forget(ids)
        return found
      },
    }))
    const { token } = await issue({ ...alice, ttlMs: MINUTE })
    expire = true
    expect(await code(redeem(token, alice, order))).toBe('TOKEN_INVALID')
    expire = false
    await runtime.advance(MINUTE)
    expect(runs()).toBe(0)
  })

  it('is stored as a digest only', async () => {
    const { issue, records } = desk()
    const { token } = await issue(alice)
    const proof = token.split('.')[1] as string
    const stored = JSON.stringify(await records(), (_, value) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
    )
    expect(stored).not.toContain(proof)
    expect(stored).not.toContain(Buffer.from(proof, 'base64url').toString('hex'))
  })

  it('runs once however many redeem it at a time', async () => {
    const { issue, redeem, order, runs } = desk()
    const { token } = await issue(alice)
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => code(redeem(token, alice, order, { onInFlight: 'wait' }))),
    )
    expect(new Set(answers)).toEqual(new Set(['fulfilled']))
    expect(runs()).toBe(1)
  })
})

describe('while one is open for subject and operation', () => {
  it('a second one is refused, and says for how long', async () => {
    const { issue, redeem, order, runtime } = desk()
    const first = await issue({ ...alice, ttlMs: MINUTE })
    await runtime.advance(20_000)
    await expect(issue(alice)).rejects.toMatchObject({
      code: 'IN_FLIGHT',
      message: expect.stringContaining('operation in progress'),
      retryAfterMs: 40_000,
    })
    await issue(bob)
    await issue({ ...alice, operation: 'refund' })
    await redeem(first.token, alice, order)
    expect((await issue(alice)).token).not.toBe(first.token)
  })

  it('only one of many that ask at once gets one', async () => {
    const { issue } = desk()
    const answers = await Promise.all(Array.from({ length: 20 }, () => code(issue(alice))))
    expect(answers.filter((one) => one === 'fulfilled')).toHaveLength(1)
  })

  it('another one is issued when it has expired', async () => {
    const { issue, runtime, redeem, order } = desk()
    const first = await issue({ ...alice, ttlMs: MINUTE })
    await runtime.advance(MINUTE + 1)
    const second = await issue(alice)
    expect(await code(redeem(first.token, alice, order))).toBe('TOKEN_INVALID')
    expect(await redeem(second.token, alice, order)).toEqual({ order: 1 })
  })

  it('a late close of an expired one does not open the way for a third', async () => {
    const { issue, runtime, redeem } = desk()
    const first = await issue({ ...alice, ttlMs: 40_000 })
    const slow = async () => {
      await runtime.advance(40_001)
      await issue(alice)
    }
    await redeem(first.token, alice, slow)
    expect(await code(issue(alice))).toBe('IN_FLIGHT')
  })

  it("'reuse' answers the open one again", async () => {
    const { issue, redeem, order } = desk({ onOpen: 'reuse', secret: SECRET })
    const first = await issue(alice)
    expect((await issue(alice)).token).toBe(first.token)
    await redeem(first.token, alice, order)
    expect((await issue(alice)).token).not.toBe(first.token)
  })

  it("'replace' makes the open one invalid, unless it is being redeemed", async () => {
    const { issue, redeem, order, runs } = desk({ onOpen: 'replace' })
    const first = await issue(alice)
    const second = await issue(alice)
    expect(await code(redeem(first.token, alice, order))).toBe('TOKEN_INVALID')
    let end = () => {}
    const running = redeem(second.token, alice, () => new Promise<void>((resolve) => (end = resolve)))
    await new Promise((resolve) => setImmediate(resolve))
    expect(await code(issue(alice))).toBe('IN_FLIGHT')
    end()
    await running
    expect(runs()).toBe(0)
  })

  it('one whose redeemer died before it could close is closed by the next that asks', async () => {
    let dead = false
    const at = desk({}, (store) => ({
      ...store,
      release: (leases) => (dead ? Promise.reject(new Error('dead')) : store.release(leases)),
    }))
    const { token } = await at.issue(alice)
    dead = true
    await at.redeem(token, alice, at.order)
    dead = false
    expect(await code(at.issue(alice))).toBe('fulfilled')
  })
})

describe('signed tokens', () => {
  it('are refused without asking the store when they are forged', async () => {
    let asked = 0
    const at = desk({ secret: SECRET }, (store) => ({
      ...store,
      find(ids) {
        asked++
        return store.find(ids)
      },
    }))
    const { token } = await at.issue(alice)
    asked = 0
    expect(await code(at.redeem(`${token.slice(0, -5)}aaaaa`, alice, at.order))).toBe('TOKEN_INVALID')
    expect(await code(at.redeem(token, bob, at.order))).toBe('TOKEN_INVALID')
    expect(asked).toBe(0)
    expect(await at.redeem(token, alice, at.order)).toEqual({ order: 1 })
  })

  it.each([
    [{ onOpen: 'reuse' }, 'secret'],
    [{ secret: 'short' }, '32 bytes'],
    [{ onOpen: 'later' }, 'onOpen'],
    [{ onopen: 'replace' }, 'there are onOpen, secret'],
    [{ secrets: 'short' }, 'there are onOpen, secret'],
  ])('%j is refused', (options, word) => {
    expect(() => desk(options as TokensOptions)).toThrow(word)
    expect(() => desk(options as TokensOptions)).not.toThrow('short')
  })
})

it.each([0, 999, 1_000.5, Number.NaN, 1e13, '60000'])('%j is no ttlMs', async (ttlMs) => {
  const { issue, records } = desk()
  expect(await code(issue({ ...alice, ttlMs: ttlMs as number }))).toBe('OPTION_INVALID')
  expect(await records()).toEqual([])
})

it.each([undefined, {}, memoryStore(), () => {}])('what is no engine is refused (%#)', (once) => {
  expect(() => tokens(once as never)).toThrow(
    expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining('`once` must be an engine') }),
  )
})

it.each([
  [undefined, /^option `subject` is required/],
  ['user:alice', /must be an object with subject, operation, ttlMs; got a string$/],
  [{ subject: 'user:alice' }, /^option `operation` is required/],
  [{ ...alice, ttl: 60_000 }, /^option `ttl` is not an option; there are subject, operation, ttlMs$/],
])('%j is nothing to issue a token for', async (wanted, message) => {
  const { issue, records } = desk()
  await expect(issue(wanted as never)).rejects.toMatchObject({
    code: 'OPTION_INVALID',
    message: expect.stringMatching(message),
  })
  expect(await records()).toEqual([])
})

it('a token is not redeemed without an effect', async () => {
  const { issue, redeem, order } = desk()
  const { token } = await issue(alice)
  expect(await code(redeem(token, alice, undefined as never))).toBe('OPTION_INVALID')
  expect(await redeem(token, alice, order)).toEqual({ order: 1 })
})

it('a store that is down issues nothing, and leaves nothing open', async () => {
  const runtime = fakeRuntime()
  const store = memoryStore({ runtime })
  let renewals = 0
  const broken: Store = {
    ...store,
    renew: (all) => (renewals++ === 0 ? Promise.reject(new Error('down')) : store.renew(all)),
  }
  const { issue } = tokens(onlyonce({ store: broken, scope: 'shop', runtime }))
  await expect(issue(alice)).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message: expect.stringContaining('down'),
  })
  expect(await code(issue(alice))).toBe('fulfilled')
})

it('a store that is down redeems nothing, and says so by its code', async () => {
  let down = false
  const { issue, redeem, order, runs } = desk({}, (store) => ({
    ...store,
    find: (ids) => (down ? Promise.reject(new Error('ECONNREFUSED')) : store.find(ids)),
  }))
  const { token } = await issue(alice)
  down = true
  expect(await code(redeem(token, alice, order))).toBe('STORE_UNAVAILABLE')
  expect(runs()).toBe(0)
})
