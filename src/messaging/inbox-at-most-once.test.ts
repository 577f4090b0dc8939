import { describe, expect, it } from 'vitest'
import { abandon, delivery, setup } from '../../test/inbox-kit.ts'
import type { LeasedInboxOptions } from './inbox.ts'

/** An inbox whose handler counts its starts and does what `then` does. */
function counting(then: () => unknown) {
  const starts: number[] = []
  const handle: LeasedInboxOptions['handle'] = (_, op) => {
    starts.push(op.starts)
    return then()
  }
  return { starts, ...setup({ delivers: 'at-most-once', handle }) }
}

describe("inbox with delivers: 'at-most-once'", () => {
  it('acks what was handled, and every copy of it', async () => {
    const { receive, starts } = counting(() => undefined)
    expect(await receive(delivery())).toEqual({ kind: 'ack' })
    expect(await receive(delivery({ redelivered: true }))).toEqual({ kind: 'ack' })
    expect(starts).toEqual([1])
  })

  it('parks a message whose handler threw, for ever, and never starts it again', async () => {
    const { receive, again, starts } = counting(() => {
      throw new Error('no stock')
    })
    const parked = { kind: 'dead-letter', reason: 'no stock' }
    expect(await receive(delivery())).toEqual(parked)
    expect(await receive(delivery())).toEqual(parked)
    expect(await again()(delivery({ redelivered: true }))).toEqual(parked)
    expect(starts).toEqual([1])
  })

  it.each([true, false])('parks a message whose process died, also when redelivered is %s', async (redelivered) => {
    const world = counting(() => undefined)
    await abandon(world, [delivery()], { delivers: 'at-most-once' })
    for (let i = 0; i < 3; i++) {
      expect(await world.receive(delivery({ redelivered }))).toMatchObject({
        kind: 'dead-letter',
        reason: expect.stringContaining('unknown'),
      })
    }
    expect(world.starts).toEqual([])
  })

  it('parks what an inbox left behind that would have retried', async () => {
    const world = counting(() => undefined)
    await abandon(world, [delivery()], { delivers: 'at-least-once' })
    expect((await world.receive(delivery({ redelivered: true }))).kind).toBe('dead-letter')
    expect(world.starts).toEqual([])
  })

  it('starts anew after readmit, because somebody decided so', async () => {
    const world = counting(() => undefined)
    await abandon(world, [delivery()], { delivers: 'at-most-once' })
    await world.receive(delivery({ redelivered: true }))
    expect(await world.receive.readmit('m1')).toBe(true)
    expect(await world.receive(delivery({ redelivered: true }))).toEqual({ kind: 'ack' })
    expect(world.starts).toEqual([1])
  })

  it('retries while the store is down, because nothing has started', async () => {
    const { receive, store, runtime, starts } = counting(() => undefined)
    const { claim } = store
    store.claim = () => Promise.reject(new Error('connection refused'))
    const verdict = receive(delivery())
    await runtime.advance(10_000)
    expect((await verdict).kind).toBe('retry')
    store.claim = claim
    expect(await receive(delivery({ redelivered: true }))).toEqual({ kind: 'ack' })
    expect(starts).toHaveLength(1)
  })
})
