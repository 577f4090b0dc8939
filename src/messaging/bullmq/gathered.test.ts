import { describe, expect, it } from 'vitest'
import { delivery } from '../../../test/inbox-kit.ts'
import { fakeRuntime } from '../../testing/fake-runtime.ts'
import type { Verdict } from '../inbox.ts'
import { gathered } from './gathered.ts'

function setUp({ maxSize = 3, maxWaitMs = 10 } = {}) {
  const runtime = fakeRuntime()
  const stopping = new AbortController()
  const batches: string[][] = []
  const signals: (AbortSignal | undefined)[] = []
  const handle = gathered(
    {
      maxSize,
      maxWaitMs,
      receive(deliveries, signal) {
        batches.push(deliveries.map(({ id }) => id))
        signals.push(signal)
        return deliveries.map(async ({ id }): Promise<Verdict> => ({ kind: 'none', reason: id }))
      },
    },
    runtime,
    stopping.signal,
  )
  return { runtime, stopping, batches, signals, ask: (id: string) => handle(delivery({ id })) }
}

describe('jobs that are handled side by side', () => {
  it('make a batch when there are enough, and each gets its own verdict', async () => {
    const { runtime, batches, signals, stopping, ask } = setUp()
    const verdicts = await Promise.all(['a', 'b', 'c'].map(ask))
    expect(batches).toEqual([['a', 'b', 'c']])
    expect(signals).toEqual([stopping.signal])
    expect(verdicts.map((one) => one.kind === 'none' && one.reason)).toEqual(['a', 'b', 'c'])
    expect(runtime.pending).toBe(0)
  })

  it('make a smaller one when the first has waited for long enough, and the next one waits anew', async () => {
    const { runtime, batches, ask } = setUp()
    void ask('a')
    await runtime.advance(9)
    void ask('b')
    expect(batches).toEqual([])
    await runtime.advance(1)
    expect(batches).toEqual([['a', 'b']])
    void ask('c')
    await runtime.advance(9)
    expect(batches).toHaveLength(1)
    await runtime.advance(1)
    expect(batches).toEqual([['a', 'b'], ['c']])
  })

  it('wait for nobody once the worker stops', async () => {
    const { runtime, stopping, batches, ask } = setUp()
    const held = ask('a')
    stopping.abort()
    expect(batches).toEqual([['a']])
    await Promise.all([held, ask('b')])
    expect(batches).toEqual([['a'], ['b']])
    expect(runtime.pending).toBe(0)
  })

  it('hand nothing over when the worker stops idle', () => {
    const { stopping, batches } = setUp()
    stopping.abort()
    expect(batches).toEqual([])
  })
})
