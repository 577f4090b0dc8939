import { getEventListeners } from 'node:events'
import { expect, it } from 'vitest'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import type { RpcLibrary } from './library.ts'
import { withTimeLimit } from './timed.ts'

const library = { error: (message: string) => new Error(message) } as unknown as RpcLibrary

function setup() {
  const call = new AbortController()
  let timers = 0
  const runtime = fakeRuntime()
  const after: typeof runtime.after = (ms, then) => {
    timers++
    const cancel = runtime.after(ms, then)
    return () => {
      timers--
      cancel()
    }
  }
  const ask = (how: (signal: AbortSignal) => Promise<unknown>) =>
    withTimeLimit(how, call.signal, 100, { runtime: { ...runtime, after }, library })
  return { ask, call, runtime, left: () => [timers, getEventListeners(call.signal, 'abort').length] }
}

it('a transport that throws at once leaves no timer and no listener', async () => {
  const { ask, left } = setup()
  const broken = () => {
    throw new Error('bad header')
  }
  await expect(ask(broken)).rejects.toThrow('bad header')
  expect(left()).toEqual([0, 0])
})

it('nor does one that answers, or fails later', async () => {
  const { ask, left } = setup()
  expect(await ask(async () => 'answer')).toBe('answer')
  await expect(ask(() => Promise.reject(new Error('reset')))).rejects.toThrow('reset')
  expect(left()).toEqual([0, 0])
})

it('one that pays no heed to its signal is not waited for, and neither is the call', async () => {
  const { ask, call, runtime, left } = setup()
  const late = expect(ask(() => new Promise(() => {}))).rejects.toThrow('there was no answer within 100 ms')
  await runtime.advance(101)
  await late
  const ended = expect(ask(() => new Promise(() => {}))).rejects.toThrow('enough')
  call.abort(new Error('enough'))
  await ended
  expect(left()[1]).toBe(0)
})
