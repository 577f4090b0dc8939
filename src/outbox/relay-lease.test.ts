import { describe, expect, it } from 'vitest'
import { setup } from '../../test/relay-kit.ts'
import { sleep } from '../core/runtime.ts'

/** Messages of one key, of which each takes nearly a lease to be published. The lease is over before the third is done. */
async function cutOff() {
  const { make, add, calls, runtime, setDown, ...others } = setup()
  const keys = ['a1', 'a2', 'a3', 'a4', 'a5'].map((id): [string, string] => [id, 'a'])
  await add(...keys)
  const one = make({
    leaseMs: 1_000,
    publishTimeoutMs: 1_000,
    publish: async (batch) => {
      if (calls.push(batch.map(({ id }) => id)) === 2) setDown(true)
      await sleep(runtime, 900)
      return batch.map(() => ({ ok: true }))
    },
  })
  one.start()
  await runtime.advance(2_000)
  expect(calls).toEqual([['a1'], ['a2'], ['a3']])
  setDown(false)
  return { one, calls, runtime, ...others }
}

describe('relay, with a lease that ends', () => {
  it('publishes nothing of what it holds while another relay leads', async () => {
    const { one, calls, runtime, steal, rows } = await cutOff()
    steal()
    await runtime.advance(20_000)
    expect(calls).toHaveLength(3)
    // What it did publish is settled all the same.
    expect(rows.map(({ id }) => id)).toEqual(['a4', 'a5'])
    await one.stop()
  })

  it('reads anew after the lease was over, because another relay may have been there and left', async () => {
    const { one, calls, runtime, rows } = await cutOff()
    const index = rows.findIndex(({ id }) => id === 'a4')
    rows.splice(index, 1)
    await runtime.advance(20_000)
    expect(calls).toEqual([['a1'], ['a2'], ['a3'], ['a5']])
    expect(rows).toEqual([])
    await one.stop()
  })

  it('keeps the order of a key when it could not tell the store of a failure before the lease was over', async () => {
    let broken = true
    const { make, add, calls, runtime, setDown } = setup((_, call) => {
      setDown(call === 1)
      return broken ? { ok: false, reason: 'no' } : { ok: true }
    })
    await add(['a1', 'a'], ['a2', 'a'])
    const one = make({ leaseMs: 1_000, backoffMs: 2_000, maxBackoffMs: 2_000 })
    one.start()
    await runtime.advance(1_500)
    expect(calls).toEqual([['a1']])
    broken = false
    setDown(false)
    await runtime.advance(20_000)
    expect(calls).toEqual([['a1'], ['a1'], ['a2']])
    await one.stop()
  })

  it('tells that it no longer leads when the lease is over and the store does not answer', async () => {
    const { make, runtime, setDown, steal, events } = setup()
    const told = () => events.flatMap((event) => (event.type === 'leading' ? [event.leading] : []))
    const one = make({ leaseMs: 1_000 })
    one.start()
    await runtime.advance(1)
    setDown(true)
    await runtime.advance(500)
    expect(told()).toEqual([true])
    await runtime.advance(5_000)
    expect(told()).toEqual([true, false])
    steal()
    setDown(false)
    await runtime.advance(30_000)
    expect(told()).toEqual([true, false])
    await runtime.advance(120_000)
    expect(told()).toEqual([true, false, true])
    await one.stop()
  })

  it('trusts nothing in hand when the lease was over before it was renewed', async () => {
    const { make, add, calls, runtime, store, rows } = setup()
    await add('a', 'b', 'c')
    let asked = 0
    const take: typeof store.outbox.take = async (...given) => {
      if (++asked === 3) {
        await sleep(runtime, 700)
        // Another relay led meanwhile, and left.
        const index = rows.findIndex(({ id }) => id === 'c')
        rows.splice(index, 1)
      }
      return store.outbox.take(...given)
    }
    const one = make({
      store: { ...store, outbox: { ...store.outbox, take } },
      leaseMs: 1_000,
      batchSize: 1,
      publish: async (batch) => {
        calls.push(batch.map(({ id }) => id))
        await sleep(runtime, 400)
        return batch.map(() => ({ ok: true }))
      },
    })
    one.start()
    await runtime.advance(20_000)
    expect(calls).toEqual([['a'], ['b']])
    expect(rows).toEqual([])
    await one.stop()
  })
})
