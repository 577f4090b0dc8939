import { expect, it } from 'vitest'
import type { Held } from './backlog.ts'
import { orAgain } from './or-again.ts'

const tried = async (held: Partial<Held>, isEnding: boolean, tell: () => Promise<void>) => {
  const kept: number[] = []
  const one = { seen: false, isOurs: () => true, ...held }
  const said = orAgain(
    one,
    () => isEnding,
    (_, ms) => kept.push(ms),
    tell,
  )
  return { answer: await said.then(() => 'taken').catch(String), kept }
}
const refuse = () => Promise.reject(new Error('full'))

it('keeps a message of which the broker did not take a verdict, and says why', async () => {
  expect(await tried({}, false, refuse)).toEqual({ answer: 'Error: full', kept: [1_000] })
})

it.each([
  ['one that was told', {}, false, async () => {}, 'taken'],
  ['one that is not ours any more', { isOurs: () => false }, false, refuse, 'Error: full'],
  ['one that stays where it is, because the consumer ends', {}, true, refuse, 'Error: full'],
] as const)('does not keep %s', async (_, held, isEnding, tell, answer) => {
  expect(await tried(held, isEnding, tell)).toEqual({ answer, kept: [] })
})
