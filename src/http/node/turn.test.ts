import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { thisTurn } from './turn.ts'

it('a turn is the same for all who ask in it, and over behind their work', async () => {
  const turn = thisTurn()
  await null
  expect(thisTurn()).toBe(turn)
  expect(turn.over).toBe(false)
  await turn.end
  expect(turn.over).toBe(true)
  expect(thisTurn()).not.toBe(turn)
})

it('a turn that nobody waits for is over, too', async () => {
  const turn = thisTurn()
  await nextTurn()
  expect(turn.over).toBe(true)
})
