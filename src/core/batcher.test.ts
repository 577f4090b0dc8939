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

  it('shares out among its calls what is asked in one breath', async () => {
    const { submit, sent, batches, turn } = setUp({ batches: 2 })
    const answers = ['a', 'b', 'c', 'd', 'e'].map((name) => submit(name))
    await turn()
    expect(batches()).toEqual([
      ['a', 'b', 'c'],
      ['d', 'e'],
    ])
    for (const one of sent) one.answer()
    expect(await Promise.all(answers)).toHaveLength(5)
  })

  it('lets nothing leave that is less than its share, for as long as another call is under way', async () => {
    const { submit, sent, batches, turn } = setUp({ batches: 2 })
    const answers = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => submit(name))
    await turn()
    sent[0]?.answer()
    await turn()
    answers.push(submit('g'))
    await turn()
    expect(batches().slice(2)).toEqual([])
    answers.push(submit('h'))
    await turn()
    expect(batches().slice(2)).toEqual([['g', 'h']])
    sent[2]?.answer()
    await turn()
    answers.push(submit('i'))
    await turn()
    expect(batches().slice(3)).toEqual([])
    sent[1]?.answer()
    await turn()
    expect(batches().slice(3)).toEqual([['i']])
    sent[3]?.answer()
    expect(await Promise.all(answers)).toHaveLength(9)
  })

  it('never makes a share larger than maxBatch', async () => {
    const { submit, sent, batches, turn } = setUp({ batches: 2, maxBatch: 2 })
    const answers = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => submit(name))
    await turn()
    sent[0]?.answer()
    await turn()
    expect(batches()).toEqual([
      ['a', 'b'],
      ['c', 'd'],
      ['e', 'f'],
    ])
    for (const one of sent) one.answer()
    await turn()
    sent[3]?.answer()
    expect(await Promise.all(answers)).toHaveLength(7)
  })
})
