import { expect, it } from 'vitest'
import { OnlyonceError } from '../core/errors.ts'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { keepOpen } from './keep-open.ts'

/** Opens what lasts for `lastsMs` and then fails with `error`, and says when it was opened. */
function setup(lastsMs: number, error: unknown = new Error('lost')) {
  const runtime = fakeRuntime()
  const startedAt = runtime.elapsed()
  const ending = new AbortController()
  const openedAt: number[] = []
  const failures: unknown[] = []
  async function open(): Promise<void> {
    openedAt.push(runtime.elapsed() - startedAt)
    await new Promise<void>((resolve) => void runtime.after(lastsMs, resolve))
    throw error
  }
  const kept = keepOpen(runtime, ending.signal, open, (failure) => failures.push(failure))
  const pauses = () => openedAt.slice(1).map((at, i) => at - (openedAt[i] as number) - lastsMs)
  return { runtime, ending, kept, openedAt, failures, pauses }
}

it('opens again what fails at once after pauses that grow to 10 s, and says each time why', async () => {
  const { runtime, ending, kept, openedAt, failures, pauses } = setup(1)
  await runtime.advance(60_000)
  expect(pauses()[0]).toBeLessThanOrEqual(100)
  expect(Math.max(...pauses())).toBeGreaterThan(4_999)
  expect(Math.max(...pauses())).toBeLessThanOrEqual(10_000)
  expect(failures.length).toBe(openedAt.length)
  ending.abort()
  await runtime.advance(1)
  await kept
})

it('opens what was open for long again soon', async () => {
  const { runtime, ending, kept, pauses } = setup(11_000)
  await runtime.advance(60_000)
  expect(Math.max(...pauses())).toBeLessThanOrEqual(100)
  ending.abort()
  await runtime.advance(11_000)
  await kept
})

it.each([
  ['a failure that comes of ending is no failure', new Error('lost'), 0],
  ['a refusal is told all the same', new OnlyonceError('OPTION_INVALID', 'too short'), 1],
])('%s', async (_, error, told) => {
  const { runtime, ending, kept, openedAt, failures } = setup(1_000, error)
  await runtime.advance(500)
  ending.abort()
  await runtime.advance(10_000)
  await kept
  expect([openedAt.length, failures.length]).toEqual([1, told])
})
