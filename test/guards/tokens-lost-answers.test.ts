import { describe, expect, it } from 'vitest'
import { OnlyonceError } from '../../src/core/errors.ts'
import { desks, SECRET, withVerbs } from './tokens-kit.ts'

const onOpen = ['reject', 'reuse', 'replace'] as const
const MADE = /^[0-9a-f]{32}\./

describe('an answer to a claim that gets lost', () => {
  it.each([1, 2])('is asked for again (claim %i)', async (lost) => {
    const { open, base } = desks()
    let claims = 0
    const store = withVerbs(base, async (verb, call) => {
      const answer = await call()
      if (verb === 'claim' && ++claims === lost) throw new Error('ECONNRESET')
      return answer
    })
    const token = await open({}, { store }).issue()
    expect(token).toMatch(MADE)
    expect(await open().issue()).toBe('IN_FLIGHT')
    expect(await open().redeem(token, () => 'ordered')).toBe('ordered')
  })

  it.each(onOpen)('time and again locks the form for a moment only (%s)', async (how) => {
    const { open, base, runtime } = desks()
    const store = withVerbs(base, async (verb, call) => {
      await call()
      throw new Error(`${verb}: ECONNRESET`)
    })
    const options = { onOpen: how, secret: SECRET }
    expect(await open(options, { store }).issue()).toBe('STORE_UNAVAILABLE')
    if (how === 'reject') {
      expect(await open(options).refusal()).toMatchObject({ code: 'IN_FLIGHT', retryAfterMs: 500 })
    }
    await runtime.advance(500)
    const token = await open(options).issue()
    expect(token).toMatch(MADE)
    expect(await open().redeem(token, () => 'ordered')).toBe('ordered')
  })

  it('is not asked for again when the store refuses', async () => {
    const { open, base } = desks()
    let claims = 0
    const store = withVerbs(base, async (verb, call) => {
      if (verb !== 'claim') return call()
      claims++
      throw new OnlyonceError('CLOSED', 'the store was closed')
    })
    expect(await open({}, { store }).issue()).toBe('CLOSED')
    expect(claims).toBe(1)
  })
})

describe('an issuer that dies', () => {
  const stops = [
    ['after it took the slot', 'claim', 2],
    ['after it claimed the record', 'renew', 1],
    ['before it gave the record back', 'release', 1],
  ] as const
  it.each(onOpen.flatMap((how) => stops.map((stop) => [...stop, how] as const)))(
    '%s locks the form for a moment only (%s %i, %s)',
    async (_, verb, call, how) => {
      const { open, base, runtime, turn } = desks()
      let calls = 0
      const store = withVerbs(base, async (asked, ask) => {
        if (asked === verb && ++calls === call) desk.die()
        return calls >= call ? new Promise<never>(() => {}) : ask()
      })
      const options = { onOpen: how, secret: SECRET }
      const desk = open(options, { store })
      void desk.issue()
      await turn()
      if (how === 'reject' && verb !== 'release') {
        expect(await open(options).refusal()).toMatchObject({ code: 'IN_FLIGHT', retryAfterMs: 500 })
      }
      await runtime.advance(500)
      const token = await open(options).issue()
      expect(token).toMatch(MADE)
      expect(await open({}, { onAbandoned: 'hold' }).redeem(token, () => 'ordered')).toBe('ordered')
    },
  )
})

it('an issuer that was taken for dead answers no token, also while its place is not free yet', async () => {
  const { open, base, runtime, turn } = desks()
  let go = () => {}
  const gone = new Promise<void>((resolve) => {
    go = resolve
  })
  const slow = withVerbs(base, (verb, call) => (verb === 'renew' ? gone.then(call) : call()))
  const first = open({}, { store: slow, storeTimeoutMs: 60_000 }).issue()
  await turn()
  await runtime.advance(500)
  const stuck = withVerbs(base, (verb, call) => (verb === 'release' ? new Promise(() => {}) : call()))
  void open({}, { store: stuck }).issue()
  await turn()
  go()
  expect(await first).toBe('IN_FLIGHT')
})

it("'reuse' does not bring back a token that was spent, when its record is gone before its slot", async () => {
  const { open, base, runtime } = desks()
  const reuse = { onOpen: 'reuse', secret: SECRET } as const
  // It cannot close the slot.
  const store = withVerbs(base, (verb, call) => (verb === 'release' ? Promise.reject(new Error('ECONNRESET')) : call()))
  const token = await open(reuse).issue()
  expect(await open(reuse, { store }).redeem(token, () => 'ordered', { leaseMs: 1_000, retentionMs: 1_000 })).toBe(
    'ordered',
  )
  await runtime.advance(1_001)
  expect(await open(reuse).issue()).not.toBe(token)
  expect(await open(reuse).redeem(token, () => expect.fail('ran'))).toBe('TOKEN_INVALID')
})

it('a slot that cannot be closed is told of, and not asked for without end', async () => {
  const { open, base } = desks()
  const token = await open().issue()
  const store = withVerbs(base, (verb, call) => (verb === 'release' ? Promise.reject(new Error('ECONNRESET')) : call()))
  await open({}, { store }).redeem(token, () => 'ordered')
  expect(await open({}, { store }).issue()).toBe('STORE_UNAVAILABLE')
  expect(await open().issue()).toMatch(MADE)
})
