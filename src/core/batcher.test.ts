import { describe, expect, it } from 'vitest'
import { setUp } from '../../test/batcher-kit.ts'

describe('the batcher', () => {
  it('sends a lone request at once, by itself', async () => {
    const { submit, sent, batches, runtime, turn } = setUp()
    const answer = submit('a')
    await Promise.resolve()
    expect(batches()).toEqual([['a']])
    sent[0]?.answer()
    expect(await answer).toBe('a!')
    await turn()
    expect(runtime.pending).toBe(0)
  })

  it('takes along what is asked for in the same breath', async () => {
    const { submit, sent, batches, turn } = setUp()
    const one = async (name: string) => `${await submit(`${name}1`)} ${await submit(`${name}2`)}`
    const all = Promise.all(['a', 'b', 'c'].map(one))
    await turn()
    sent[0]?.answer()
    await turn()
    sent[1]?.answer()
    expect(await all).toEqual(['a1! a2!', 'b1! b2!', 'c1! c2!'])
    expect(batches()).toEqual([
      ['a1', 'b1', 'c1'],
      ['a2', 'b2', 'c2'],
    ])
  })

  it('gathers what comes while a call is under way, and answers each in its place', async () => {
    const { behind, sent, batches, turn } = setUp()
    const answers = await behind(['a', 'b', 'c', 'd'])
    expect(batches()).toEqual([['a']])
    sent[0]?.answer()
    await turn()
    expect(batches()).toEqual([['a'], ['b', 'c', 'd']])
    sent[1]?.answer()
    expect(await Promise.all(answers)).toEqual(['a!', 'b!', 'c!', 'd!'])
  })

  it('sends at most maxBatch in one call, the oldest first', async () => {
    const { behind, sent, batches, turn } = setUp({ maxBatch: 2 })
    const answers = await behind(['a', 'b', 'c', 'd', 'e', 'f'])
    for (let call = 0; call < 4; call++) {
      sent[call]?.answer()
      await turn()
    }
    expect(batches()).toEqual([['a'], ['b', 'c'], ['d', 'e'], ['f']])
    expect(await Promise.all(answers)).toHaveLength(6)
  })

  it('never sends two requests for one id in the same call, and keeps their order', async () => {
    const { behind, sent, batches, turn } = setUp()
    const answers = await behind(['x', 'a1', 'b1', 'a2', 'a3', 'c1'])
    for (let call = 0; call < 4; call++) {
      sent[call]?.answer()
      await turn()
    }
    expect(batches()).toEqual([['x'], ['a1', 'b1', 'c1'], ['a2'], ['a3']])
    expect(await Promise.all(answers)).toEqual(['x!', 'a1!', 'b1!', 'a2!', 'a3!', 'c1!'])
  })

  it('keeps several calls under way where the store likes that', async () => {
    const { submit, behind, sent, batches, turn } = setUp({ batches: 2 })
    const answers = await behind(['a', 'b', 'c'])
    await turn()
    expect(batches()).toEqual([['a'], ['b', 'c']])
    answers.push(submit('d'), submit('e'))
    await turn()
    expect(batches()).toHaveLength(2)
    sent[1]?.answer()
    await turn()
    expect(batches()).toEqual([['a'], ['b', 'c'], ['d', 'e']])
    for (const one of sent) one.answer()
    expect(await Promise.all(answers)).toHaveLength(5)
  })

  it('holds nothing back while few requests are waiting in all', async () => {
    const { submit, behind, sent, batches, turn } = setUp({ lone: 3 })
    const answers = await behind(['a', 'b'])
    await turn()
    answers.push(submit('c'))
    await turn()
    expect(batches()).toEqual([['a'], ['b'], ['c']])
    answers.push(submit('d'), submit('e'))
    await turn()
    sent[0]?.answer()
    await turn()
    expect(batches()).toEqual([['a'], ['b'], ['c']])
    sent[1]?.answer()
    await turn()
    expect(batches()).toEqual([['a'], ['b'], ['c'], ['d', 'e']])
    for (const one of sent) one.answer()
    expect(await Promise.all(answers)).toHaveLength(5)
  })
})
