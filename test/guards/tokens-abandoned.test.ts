import { describe, expect, it } from 'vitest'
import type { Operation } from '../../src/core/once.ts'
import { desks, form, SECRET, withVerbs } from './tokens-kit.ts'

/** An effect that charges a card, under the key that is the same on every attempt of one token. */
function till() {
  const charges: string[] = []
  const charge = (op: Operation) => void charges.push(op.child('charge'))
  return { charges, charge, chargeInStep: (op: Operation) => op.step('charge', () => charge(op)) }
}

describe("an abandoned redemption, where 'replace' asks for another token", () => {
  it.each(['charge', 'chargeInStep'] as const)('is not replaced, and its token finishes it (%s)', async (how) => {
    const { open, abandon } = desks()
    const desk = open({ onOpen: 'replace' })
    const shop = till()
    const token = await desk.issue()
    await abandon(token, shop[how])
    expect(await desk.refusal()).toMatchObject({ code: 'IN_FLIGHT', retryAfterMs: 900_000 - 31_000 })
    expect(await desk.redeem(token, async (op) => [op.attempt, await shop[how](op)])).toEqual([2, undefined])
    expect(new Set(shop.charges).size).toBe(1)
    expect(await desk.issue()).not.toBe('IN_FLIGHT')
  })

  it("is not parked by the issuer's policy 'hold'", async () => {
    const { open, abandon } = desks()
    const { charge } = till()
    const token = await open().issue()
    await abandon(token, charge)
    expect(await open({ onOpen: 'replace' }, { onAbandoned: 'hold' }).issue()).toBe('IN_FLIGHT')
    const asked = open({}, { onAbandoned: () => ({ happened: true, value: 'charged' }) })
    expect(await asked.redeem(token, () => expect.fail('ran'))).toBe('charged')
  })

  it('is not replaced after one who took it over failed', async () => {
    const { open, abandon } = desks()
    const { charge } = till()
    const desk = open({ onOpen: 'replace' })
    const token = await desk.issue()
    await abandon(token, charge)
    expect(await desk.redeem(token, () => Promise.reject(new Error('card refused')))).toBe('card refused')
    expect(await desk.issue()).toBe('IN_FLIGHT')
    expect(await desk.redeem(token, () => 'ordered')).toBe('ordered')
  })

  /** A process that is to replace the token and stops after its look at it, until it is let go. */
  async function overtakenReplacer({ open, base, turn }: ReturnType<typeof desks>) {
    let go = () => {}
    const gone = new Promise<void>((resolve) => {
      go = resolve
    })
    let finds = 0
    // The first look is at the slot.
    const store = withVerbs(base, async (verb, call) => {
      const answer = await call()
      if (verb === 'find' && ++finds === 2) await gone
      return answer
    })
    const replacing = open({ onOpen: 'replace' }, { store, storeTimeoutMs: 60_000 }).issue()
    await turn()
    return () => {
      go()
      return replacing
    }
  }

  it('is given back when it began after the look at it', async () => {
    const at = desks()
    const token = await at.open().issue()
    const goOn = await overtakenReplacer(at)
    await at.abandon(token, till().charge)
    expect(await goOn()).toBe('IN_FLIGHT')
    expect(await at.records('shop/token')).toMatchObject([{ state: 'idle', attempt: 1 }])
    expect(await at.open().redeem(token, ({ attempt }) => attempt)).toBe(2)
  })

  it('is left to the operator when it began, and was parked, after the look at it', async () => {
    const at = desks()
    const token = await at.open().issue()
    const goOn = await overtakenReplacer(at)
    await at.abandon(token, till().charge)
    const holding = at.open({}, { onAbandoned: 'hold' })
    expect(await holding.redeem(token, () => expect.fail('ran'))).toBe('OUTCOME_UNKNOWN')
    expect(await goOn()).toBe('IN_FLIGHT')
  })
})

describe('a redemption that failed, where another token is asked for', () => {
  it('is replaced when nothing of it is left', async () => {
    const { open } = desks()
    const desk = open({ onOpen: 'replace' })
    const token = await desk.issue()
    expect(await desk.redeem(token, () => Promise.reject(new Error('card refused')))).toBe('card refused')
    expect(await desk.issue()).not.toBe('IN_FLIGHT')
    expect(await desk.redeem(token, () => expect.fail('ran'))).toBe('TOKEN_INVALID')
  })

  it('is not replaced when a step of it is finished', async () => {
    const { open } = desks()
    const { charges, chargeInStep } = till()
    const desk = open({ onOpen: 'replace' })
    const token = await desk.issue()
    const half = async (op: Operation) => {
      await chargeInStep(op)
      throw new Error('no mail')
    }
    expect(await desk.redeem(token, half)).toBe('no mail')
    expect(await desk.issue()).toBe('IN_FLIGHT')
    expect(await desk.redeem(token, chargeInStep)).toBeUndefined()
    expect(charges).toHaveLength(1)
  })
})

it.each(['reject', 'reuse', 'replace'] as const)(
  'one that waits for a decision keeps its place (%s)',
  async (onOpen) => {
    const { open, abandon } = desks()
    const { charge } = till()
    const desk = open({ onOpen, secret: SECRET }, { onAbandoned: 'hold' })
    const token = await desk.issue()
    await abandon(token, charge)
    expect(await desk.redeem(token, () => expect.fail('ran'))).toBe('OUTCOME_UNKNOWN')
    expect([token, 'IN_FLIGHT']).toContain(await desk.issue())
  },
)

describe('the slot of a token', () => {
  it.each(['reject', 'replace'] as const)('is kept until the result is stored (%s)', async (onOpen) => {
    const { open, base, turn, runtime } = desks()
    let runs = 0
    // It dies when its effect has run.
    const store = withVerbs(base, (verb, call) => (verb === 'complete' ? new Promise(() => {}) : call()))
    const desk = open({ onOpen })
    const token = await desk.issue()
    const dying = open({ onOpen }, { store })
    void dying.redeem(token, () => ++runs)
    await turn()
    await turn()
    dying.die()
    expect(await desk.issue()).toBe('IN_FLIGHT')
    await runtime.advance(31_000)
    expect(await desk.issue()).toBe('IN_FLIGHT')
    expect(runs).toBe(1)
  })

  it('is closed when the result is stored, without another who asks', async () => {
    const { open, records } = desks()
    const desk = open()
    await desk.redeem(await desk.issue(), () => form)
    expect(await records('shop/anti_repeat')).toMatchObject([{ state: 'idle' }])
  })
})
