import { describe, expect, it } from 'vitest'
import { caught, request, setup } from '../../test/store-calls-kit.ts'
import { memoryStore } from '../stores/memory/index.ts'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { ofWholeCall } from './batcher.ts'
import { OnlyonceError } from './errors.ts'
import { sleep } from './runtime.ts'
import type { Store } from './store.ts'
import { createStoreCalls } from './store-calls.ts'

const { id } = request('a')

/** A store that grants every try and refuses it all the same: each after its time, and not where that is negative. */
function refusing(...refusedAfterMs: readonly number[]) {
  const runtime = fakeRuntime()
  const store = memoryStore({ runtime })
  let tries = 0
  const claim: Store['claim'] = async (requests) => {
    const afterMs = refusedAfterMs[tries++] ?? Number.NaN
    const outcomes = await store.claim(requests)
    await sleep(runtime, Math.abs(afterMs))
    if (afterMs < 0) return outcomes
    throw ofWholeCall(new OnlyonceError('STORE_UNAVAILABLE', 'no replicas'), Promise.resolve(outcomes))
  }
  const options = { runtime, storeTimeoutMs: 1_000, maxBatch: 10, onFailure: () => {} }
  const calls = createStoreCalls({ ...store, claim }, options)
  const told = calls.claim(request('a')).then(
    ({ kind }) => kind,
    (error: OnlyonceError) => error.code,
  )
  return { runtime, calls, told }
}

it.each([[[100]], [[700, 100]], [[700, 700]], [[700, -700]]])(
  'a claim whose tries are all refused, or too late, is given back (%j)',
  async (refusedAfterMs) => {
    const { runtime, calls, told } = refusing(...refusedAfterMs)
    await runtime.advance(2_000)
    expect(await told).toBe('STORE_UNAVAILABLE')
    expect(await calls.find(id)).toMatchObject({ state: 'idle', attempt: 0 })
  },
)

it('a claim is kept when a try is refused after another was sent, and that is granted', async () => {
  const { runtime, calls, told } = refusing(600, -300)
  await runtime.advance(2_000)
  expect(await told).toBe('granted')
  expect(await calls.find(id)).toMatchObject({ state: 'running', attempt: 1 })
})

describe('a grant that comes after the caller gave up', () => {
  it('is given back', async () => {
    const { calls, runtime, memory } = setup((verb) =>
      verb === 'claim' ? { kind: 'delay-reply', ms: 1_500 } : undefined,
    )
    const error = caught(calls.claim(request('a')))
    await runtime.advance(1_000)
    expect(await error).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await runtime.advance(1_000)
    expect((await memory.find([request('a').id]))[0]?.state).toBe('idle')
  })

  it('is told apart from a late refusal, where there is nothing to give back', async () => {
    let releases = 0
    const { calls, runtime, memory } = setup((verb) => {
      if (verb === 'release') releases++
      return verb === 'claim' ? { kind: 'delay-reply', ms: 1_500 } : undefined
    })
    await memory.claim([{ ...request('a'), owner: 'another' }])
    const error = caught(calls.claim(request('a')))
    await runtime.advance(5_000)
    expect(await error).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(releases).toBe(0)
  })

  it('is kept when it came in time on the second asking', async () => {
    const { calls, runtime, memory } = setup({ claim: { 1: { kind: 'delay-reply', ms: 700 } } })
    const claim = calls.claim(request('a'))
    await runtime.advance(2_000)
    expect(await claim).toMatchObject({ kind: 'granted', attempt: 1 })
    expect((await memory.find([request('a').id]))[0]?.state).toBe('running')
  })

  it('and cannot be given back is nobody’s unhandled rejection', async () => {
    const { calls, runtime } = setup((verb) =>
      verb === 'claim' ? { kind: 'delay-reply', ms: 1_500 } : verb === 'release' ? { kind: 'lose-request' } : undefined,
    )
    const error = caught(calls.claim(request('a')))
    await runtime.advance(5_000)
    expect(await error).toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })
})

it.each([
  [700, 100],
  [600, 300],
])(
  'a grant that comes late beside another one is given back, and the other is kept (%j)',
  async (...answeredAfterMs) => {
    const runtime = fakeRuntime()
    const store = memoryStore({ runtime })
    const released: number[] = []
    let tries = 0
    const calls = createStoreCalls(
      {
        ...store,
        // Two grants of one claim, as where the first record was lost with a master that failed.
        async claim(requests) {
          const [outcome] = await store.claim(requests)
          if (outcome?.kind !== 'granted') return expect.fail('not granted')
          const fence = ++tries
          await sleep(runtime, answeredAfterMs[fence - 1] ?? 0)
          return [{ ...outcome, lease: { ...outcome.lease, fence } }]
        },
        async release(leases) {
          for (const { fence } of leases) released.push(fence)
          return leases.map(() => 'ok' as const)
        },
      },
      { runtime, storeTimeoutMs: 1_000, maxBatch: 10, onFailure: () => {} },
    )
    const claimed = calls.claim(request('a'))
    await runtime.advance(2_000)
    expect(await claimed).toMatchObject({ kind: 'granted', lease: { fence: 2 } })
    expect(released).toEqual([1])
  },
)

it('a claim that fails late once more, in the same way, is given back when that is known', async () => {
  const runtime = fakeRuntime()
  const store = memoryStore({ runtime })
  const failed = (answers: Promise<never>) =>
    ofWholeCall(new OnlyonceError('STORE_UNAVAILABLE', 'no replicas'), answers)
  const claim: Store['claim'] = async (requests) => {
    const outcomes = await store.claim(requests)
    const known = sleep(runtime, 400).then(() => outcomes) as Promise<never>
    throw failed(sleep(runtime, 200).then(() => Promise.reject(failed(known))))
  }
  const calls = createStoreCalls(
    { ...store, claim },
    { runtime, storeTimeoutMs: 1_000, maxBatch: 10, onFailure: () => {} },
  )
  const error = caught(calls.claim(request('a')))
  await runtime.advance(300)
  expect(await error).toMatchObject({ code: 'STORE_UNAVAILABLE' })
  expect(await calls.find(id)).toMatchObject({ state: 'running' })
  await runtime.advance(300)
  expect(await calls.find(id)).toMatchObject({ state: 'idle', attempt: 0 })
})
