import { expect, it } from 'vitest'
import { oneAtATime } from './one-at-a-time.ts'

it('runs work in the order of the calls, each after the one before it is over', async () => {
  const inTurn = oneAtATime()
  const seen: string[] = []
  const work = (name: string) => async () => {
    seen.push(`${name} begins`)
    await new Promise((over) => setImmediate(over))
    seen.push(`${name} ends`)
    return name
  }
  expect(await Promise.all([inTurn(work('a')), inTurn(work('b'))])).toEqual(['a', 'b'])
  expect(seen).toEqual(['a begins', 'a ends', 'b begins', 'b ends'])
})

it('goes on after work that failed, whose caller gets the error', async () => {
  const inTurn = oneAtATime()
  const failed = inTurn(async () => {
    throw new Error('no')
  })
  expect(await inTurn(async () => 'next')).toBe('next')
  await expect(failed).rejects.toThrow('no')
})
