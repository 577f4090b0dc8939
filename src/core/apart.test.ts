import { AsyncLocalStorage } from 'node:async_hooks'
import { expect, it } from 'vitest'
import { apart } from './apart.ts'

const calls = new AsyncLocalStorage<string>()

it('runs outside of the call that asks for it, also after a wait', async () => {
  const seen = calls.run('the first request', () =>
    apart(async () => {
      const before = calls.getStore()
      await null
      return [before, calls.getStore()]
    }),
  )
  expect(await seen).toEqual([undefined, undefined])
})

it('answers and throws as what it runs, and leaves the caller where it was', () => {
  calls.run('the first request', () => {
    expect(apart(() => 7)).toBe(7)
    expect(() =>
      apart(() => {
        throw new Error('no')
      }),
    ).toThrow('no')
    expect(calls.getStore()).toBe('the first request')
  })
})
