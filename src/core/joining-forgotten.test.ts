import { describe, expect, it } from 'vitest'
import { engine, gate } from '../../test/engine-kit.ts'
import { codeOf } from '../../test/support/rejections.ts'
import type { Store } from './store.ts'

/** A store that does `verb` at once, and answers it when the test lets it. */
function slowTo(verb: 'claim' | 'complete', store: Store) {
  let answer = () => {}
  const answering = new Promise<void>((resolve) => {
    answer = resolve
  })
  const work = store[verb] as (given: readonly unknown[]) => Promise<unknown>
  const slow = async (given: readonly unknown[]) => {
    const outcomes = await work(given)
    await answering
    return outcomes
  }
  return { store: { ...store, [verb]: slow } as Store, answer }
}

const soon = () => new Promise<void>(setImmediate)
const never = () => expect.fail('ran again')

describe('a call after a forget', () => {
  const cache = { maxBytes: 1_000_000, maxAgeMs: 60_000 }

  it.each(['claim', 'complete'] as const)(
    'does not get the result of a call from before it, whose %s is answered later',
    async (verb) => {
      const { store, open } = engine()
      if (verb === 'claim') await open()('k', () => 'first')
      const { store: slow, answer } = slowTo(verb, store)
      const once = open({ store: slow, cache, onInFlight: 'wait' })
      const before = once('k', verb === 'claim' ? never : () => 'first')
      await soon()
      expect(await once.forget('k')).toBe(true)
      const after = once('k', () => 'second')
      await soon()
      answer()
      expect([await before, await after]).toEqual(['first', 'second'])
      expect(await once('k', never)).toBe('second')
    },
  )

  it('may have another payload than a call from before it', async () => {
    const { store, open } = engine()
    const { store: slow, answer } = slowTo('complete', store)
    const once = open({ store: slow, onInFlight: 'wait' })
    const before = once({ key: 'k', payload: 1 }, () => 'first')
    await soon()
    await once.forget('k')
    const refused = codeOf(once({ key: 'k', payload: 2 }, never, { onInFlight: 'reject' }))
    const after = once({ key: 'k', payload: 2 }, () => 'second')
    await soon()
    answer()
    expect([await before, await refused, await after]).toEqual(['first', 'IN_FLIGHT', 'second'])
  })

  it('still waits for an effect that runs in this process', async () => {
    const { once, runtime } = engine({ onInFlight: 'wait' })
    const { started, effect } = gate<string>()
    const before = codeOf(once('k', effect))
    await runtime.advance(0)
    expect(await once.forget('k')).toBe(true)
    let ran = 0
    const after = once('k', () => `run ${++ran}`)
    await runtime.advance(0)
    expect(ran).toBe(0)
    started[0]?.resolve('first')
    expect([await before, await after]).toEqual(['LEASE_LOST', 'run 1'])
  })
})
