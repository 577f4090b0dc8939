import { describe, expect, it } from 'vitest'
import { memoryStore } from '../stores/memory/index.ts'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { onlyonce } from './engine.ts'
import type { EngineOptions } from './options.ts'

function setup(options: Partial<EngineOptions> = {}) {
  const runtime = fakeRuntime()
  const store = memoryStore({ runtime })
  const once = onlyonce({ store, scope: 's', runtime, leaseMs: 1_000, onThrow: () => 'abandon', ...options })
  return { runtime, once }
}

const lost = () => {
  throw new Error('no answer')
}

describe('onThrow that answers no verdict', () => {
  it.each([undefined, true, 'forget', 'a promise'])('gives the key back and is reported: %s', async (answer) => {
    const isLater = answer === 'a promise'
    const verdict = () => (isLater ? Promise.reject(new Error('later')) : answer)
    const reported: string[] = []
    const store = memoryStore()
    const once = onlyonce({
      ...{ store, scope: 's', onThrow: verdict as never },
      onListenerError: (error) => reported.push(String(error)),
    })
    const failing = () => {
      throw new Error('declined')
    }
    expect(await once.attempt('a', failing)).toMatchObject({ kind: 'failed', replayed: false })
    expect(await once.attempt('a', () => 'again')).toMatchObject({ kind: 'executed' })
    await new Promise((resolve) => setImmediate(resolve))
    expect(reported).toContainEqual(expect.stringContaining('onThrow must answer'))
    expect(reported).toHaveLength(isLater ? 2 : 1)
  })
})

describe("onThrow that answers 'abandon'", () => {
  it('gives the error to the caller, and keeps everyone away until the lease is over', async () => {
    const { runtime, once } = setup()
    await expect(once('k', lost)).rejects.toThrow('no answer')
    expect(await once.find('k')).toMatchObject({ state: 'running', attempt: 1 })
    expect(await once.attempt('k', () => 'again')).toEqual({ kind: 'in-flight', retryAfterMs: 1_000 })
    await runtime.advance(1_001)
    expect(await once.find('k')).toMatchObject({ state: 'abandoned' })
    expect(await once.attempt('k', (op) => op.attempt)).toMatchObject({ kind: 'executed', value: 2 })
  })

  it('leaves the rest to onAbandoned', async () => {
    for (const [onAbandoned, expected] of [
      ['hold', { kind: 'unknown' }],
      [async () => ({ happened: true, value: 'it did' }) as const, { kind: 'replayed', value: 'it did' }],
      [async () => ({ happened: false }) as const, { kind: 'executed', value: 'again' }],
    ] as const) {
      const { runtime, once } = setup({ onAbandoned })
      await once.attempt('k', lost)
      await runtime.advance(1_001)
      expect(await once.attempt('k', () => 'again')).toMatchObject(expected)
    }
  })

  it('does not keep a lock', async () => {
    const { once } = setup()
    await expect(once.exclusive('k', lost)).rejects.toThrow('no answer')
    expect(await once.exclusive('k', () => 'free')).toBe('free')
  })
})
