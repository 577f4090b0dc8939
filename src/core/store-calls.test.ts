import { describe, expect, it } from 'vitest'
import { caught, request, setup } from '../../test/store-calls-kit.ts'
import { memoryStore } from '../stores/memory/index.ts'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { OnlyonceError } from './errors.ts'
import { sleep } from './runtime.ts'
import { createStoreCalls } from './store-calls.ts'

const result = { kind: 'value' as const, body: new Uint8Array([1]) }

/** What `verb` is asked with, for the operation `name`. */
function requestTo(verb: 'claim' | 'renew' | 'complete' | 'release' | 'find' | 'forget', name: string) {
  const { id, owner } = request(name)
  const lease = { id, owner, fence: 1 }
  switch (verb) {
    case 'claim':
      return request(name)
    case 'renew':
      return { lease, leaseMs: 3_000, retentionMs: 60_000 }
    case 'complete':
      return { lease, result, retentionMs: 60_000 }
    case 'release':
      return lease
    default:
      return id
  }
}

describe('a store call', () => {
  it('passes the answer through, each verb its own', async () => {
    const { calls, failures } = setup()
    const claim = await calls.claim(request('a'))
    if (claim.kind !== 'granted') return expect.fail(claim.kind)
    const { lease } = claim
    expect(await calls.find(lease.id)).toMatchObject({ state: 'running' })
    expect(await calls.find('f'.repeat(32))).toBeUndefined()
    expect(await calls.renew({ lease, leaseMs: 3_000, retentionMs: 60_000 })).toBe('ok')
    expect(await calls.release(lease)).toBe('ok')
    expect(await calls.complete({ lease, result, retentionMs: 60_000 })).toBe('lost')
    expect(await calls.forget(lease.id)).toBe(true)
    expect(await calls.forget(lease.id)).toBe(false)
    expect(failures).toEqual([])
  })

  it.each(['claim', 'renew', 'complete', 'release'] as const)(
    'to %s gathers what is asked while one is under way, and never two for one operation',
    async (verb) => {
      const sizes: number[] = []
      const { calls, runtime } = setup({}, (store) => ({
        [verb]: (batch: readonly never[]) => {
          sizes.push(batch.length)
          return store[verb](batch)
        },
      }))
      const ask = (name: string) => calls[verb](requestTo(verb, name) as never)
      const first = ask('a')
      await Promise.resolve()
      const all = Promise.all([first, ...['b', 'c', 'c', 'd'].map(ask)])
      await runtime.advance(0)
      expect(await all).toHaveLength(5)
      expect(sizes).toEqual([1, 3, 1])
    },
  )

  it('to find is made once for all who look for one operation meanwhile', async () => {
    const asked: (readonly string[])[] = []
    const { calls, runtime } = setup({}, (store) => ({
      find: (batch) => {
        asked.push(batch)
        return store.find(batch)
      },
    }))
    const [a, b, c] = ['a', 'b', 'c'].map((name) => requestTo('find', name) as string) as [string, string, string]
    await calls.claim(request('b'))
    const first = calls.find(a)
    await Promise.resolve()
    const rest = Promise.all([b, c, b, c, b].map((id) => calls.find(id)))
    await runtime.advance(0)
    expect(await first).toBeUndefined()
    expect((await rest).map((record) => record?.id)).toEqual([b, undefined, b, undefined, b])
    expect(asked).toEqual([[a], [b, c]])
  })

  it('to forget is not made again: by then another record may stand there', async () => {
    let removed = 0
    const { calls, runtime, failures } = setup({}, (store) => ({
      forget: async (ids) => {
        removed += await store.forget(ids)
        throw new Error('the answer got lost')
      },
    }))
    await calls.claim(request('a'))
    const error = caught(calls.forget(requestTo('find', 'a') as string))
    await runtime.advance(5_000)
    expect(await error).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect((await error).message).toContain('may be gone all the same')
    expect([removed, failures]).toEqual([1, [['forget', await error]]])
  })

  it.each([
    ['refused', undefined],
    ['told that somebody else runs', { kind: 'running', retryAfterMs: 500 }],
  ] as const)('to claim that was %s gives back what an earlier try of it is granted later', async (_, answer) => {
    let tries = 0
    let late: Promise<unknown> = Promise.resolve()
    const { calls, runtime } = setup({}, (store) => ({
      claim: async (requests) => {
        if (++tries > 1 && answer !== undefined) return [answer]
        if (tries > 1) throw new OnlyonceError('STORE_UNAVAILABLE', 'refused')
        const granted = sleep(runtime, 2_000).then(() => store.claim(requests))
        late = granted
        return granted
      },
    }))
    const first = calls.claim(request('a')).catch((error: OnlyonceError) => error.code)
    await runtime.advance(1_500)
    expect(await first).toEqual(answer ?? 'STORE_UNAVAILABLE')
    await runtime.advance(1_000)
    await late
    await runtime.advance(10)
    expect(await calls.find(requestTo('find', 'a') as string)).toMatchObject({ state: 'idle', attempt: 0 })
  })

  it('to claim keeps what an earlier try of it was granted when a later one is told so', async () => {
    let tries = 0
    const { calls, runtime } = setup({}, (store) => ({
      claim: async (requests) => {
        await sleep(runtime, ++tries === 1 ? 600 : 300)
        return store.claim(requests)
      },
    }))
    const claim = calls.claim(request('a'))
    await runtime.advance(5_000)
    expect(await claim).toMatchObject({ kind: 'granted', attempt: 1 })
    expect([tries, await calls.find(requestTo('find', 'a') as string)]).toMatchObject([2, { state: 'running' }])
  })

  it('is made three times at most, with pauses, and then tells why', async () => {
    const at: number[] = []
    const down = new Error('connection refused')
    const { calls, runtime, failures } = setup({}, () => ({
      find: () => {
        at.push(runtime.elapsed())
        return Promise.reject(down)
      },
    }))
    const error = caught(calls.find('a'.repeat(32)))
    await runtime.advance(1_000)
    expect(await error).toMatchObject({ code: 'STORE_UNAVAILABLE', cause: down, retryable: true })
    expect((await error).message).toContain('did not find (connection refused)')
    expect(at).toHaveLength(3)
    const [first, second, third] = at as [number, number, number]
    expect(first).toBe(0)
    expect(second).toBeGreaterThanOrEqual(5)
    expect(second).toBeLessThanOrEqual(10)
    expect(third - second).toBeGreaterThanOrEqual(8)
    expect(third - second).toBeLessThanOrEqual(16)
    expect(failures).toEqual([['find', await error]])
    expect(runtime.pending).toBe(0)
  })

  it('that is never answered is asked a second time after half of the time, and ends in time', async () => {
    const at: number[] = []
    const { calls, runtime } = setup({}, () => ({
      claim: () => {
        at.push(runtime.elapsed())
        return new Promise(() => {})
      },
    }))
    const error = caught(calls.claim(request('a')))
    await runtime.advance(999)
    let ended = false
    void error.then(() => {
      ended = true
    })
    await runtime.advance(0)
    expect(ended).toBe(false)
    await runtime.advance(1)
    expect((await error).message).toContain('no answer within 500 ms')
    expect(at).toHaveLength(2)
    expect(at[1]).toBeGreaterThanOrEqual(505)
    expect(at[1]).toBeLessThanOrEqual(510)
  })

  it('that the store refuses in its own words is not asked again', async () => {
    let asked = 0
    const full = new OnlyonceError('STORE_UNAVAILABLE', 'full')
    const { calls, failures } = setup({}, () => ({
      claim: () => {
        asked++
        return Promise.reject(full)
      },
    }))
    expect(await caught(calls.claim(request('a')))).toBe(full)
    expect(asked).toBe(1)
    expect(failures).toEqual([['claim', full]])
  })

  const verbs = ['claim', 'renew', 'complete', 'release', 'find', 'forget'] as const
  const broken = (verb: (typeof verbs)[number], answer: () => never) => {
    const memory = memoryStore({ runtime: fakeRuntime() })
    const runtime = fakeRuntime()
    const failures: [string, unknown][] = []
    const onFailure = (failed: string, error: unknown) => failures.push([failed, error])
    const options = { runtime, storeTimeoutMs: 1_000, maxBatch: 10, onFailure }
    const calls = createStoreCalls({ ...memory, [verb]: answer }, options)
    return { runtime, failures, call: async () => calls[verb](requestTo(verb, 'a') as never) }
  }

  it.each(verbs)('to %s survives a store that throws instead of rejecting', async (verb) => {
    const { runtime, failures, call } = broken(verb, () => {
      throw new Error('sync')
    })
    const error = caught(call())
    await runtime.advance(100)
    expect(await error).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect((await error).message).toContain(`store did not ${verb} (sync)`)
    expect(failures).toEqual([[verb, await error]])
  })

  it.each(verbs)('to %s ends in time when the store never answers', async (verb) => {
    const { runtime, call } = broken(verb, () => new Promise(() => {}) as never)
    const error = caught(call())
    await runtime.advance(1_000)
    expect(await error).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect((await error).message).toContain(
      `store did not ${verb} (no answer within ${verb === 'forget' ? 1_000 : 500} ms)`,
    )
    expect(runtime.pending).toBe(0)
  })

  it('is not made a third time when the store refuses in its own words after a lost answer', async () => {
    let asked = 0
    const refused = new OnlyonceError('OUTCOME_UNKNOWN', 'refused')
    const { calls, runtime, failures } = setup({}, () => ({
      find: () => Promise.reject(++asked === 1 ? new Error('lost') : refused),
    }))
    const error = caught(calls.find('a'.repeat(32)))
    await runtime.advance(1_000)
    expect(await error).toBe(refused)
    expect(asked).toBe(2)
    expect(failures).toEqual([['find', refused]])
  })

  it.each(['claim', 'find'] as const)('refuses an answer to %s that is about another operation', async (verb) => {
    const { calls, memory } = setup({}, (store) => ({
      claim: async () => store.claim([request('b')]),
      find: async () => store.find([request('b').id]),
    }))
    await memory.claim([request('b')])
    const error = await caught(verb === 'claim' ? calls.claim(request('a')) : calls.find(request('a').id))
    expect(error).toMatchObject({ code: 'OUTCOME_UNKNOWN', message: expect.stringContaining(request('a').id) })
  })

  it('refuses the result of another operation', async () => {
    const { calls } = setup({}, () => ({ claim: async () => [{ kind: 'done', id: 'other', fence: 1, result }] }))
    expect(await caught(calls.claim(request('a')))).toMatchObject({ code: 'OUTCOME_UNKNOWN' })
  })

  it.each([undefined, null, 'granted', { kind: 'held' }, { kind: 'granted' }])(
    'refuses %j as the answer to a claim, and waits for no other',
    async (answer) => {
      const { calls, runtime } = setup({}, () => ({ claim: async () => [answer as never] }))
      const error = caught(calls.claim(request('a')))
      await runtime.advance(1_000)
      expect(await error).toMatchObject({ code: 'OUTCOME_UNKNOWN' })
      expect((await error).message).toContain('none of its outcomes')
      expect(runtime.pending).toBe(0)
    },
  )

  it('takes busy and mismatch as they come', async () => {
    const { calls, memory } = setup()
    await memory.claim([request('a')])
    expect(await calls.claim({ ...request('a'), owner: 'x' })).toEqual({ kind: 'running', retryAfterMs: 3_000 })
    expect(await calls.claim({ ...request('a'), fingerprint: 'x' })).toEqual({ kind: 'mismatch' })
  })
})

it('find refuses records of which it cannot be told whose they are', async () => {
  const { calls, runtime } = setup({}, (store) => ({ find: async (ids) => (await store.find(ids)).slice(1) }))
  const all = Promise.all(['a', 'b', 'b', 'a'].map((name) => caught(calls.find(requestTo('find', name) as string))))
  await runtime.advance(2_000)
  expect((await all).map(({ code }) => code)).toEqual(Array.from({ length: 4 }, () => 'STORE_UNAVAILABLE'))
})

it('a release is known to be done when the answer to its second try says so', async () => {
  const { calls, runtime } = setup((verb, call) =>
    verb === 'release' && call === 1 ? { kind: 'lose-request' } : undefined,
  )
  const claimed = await calls.claim(request('a'))
  if (claimed.kind !== 'granted') return expect.fail(claimed.kind)
  const released = calls.release(claimed.lease)
  await runtime.advance(2_000)
  expect(await released).toBe('ok')
})
