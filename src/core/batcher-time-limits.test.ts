import { describe, expect, it } from 'vitest'
import { caught, setUp } from '../../test/batcher-kit.ts'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { Batcher } from './batcher.ts'

describe('the batcher', () => {
  it('gives up a call that has not answered in time, and lets the next one go', async () => {
    const { runtime, submit, sent, batches, late, turn } = setUp({ timeoutMs: 100 })
    const slow = caught(submit('a'))
    await runtime.advance(1)
    const next = submit('b')
    await runtime.advance(98)
    expect(batches()).toEqual([['a']])
    await runtime.advance(1)
    expect(await slow).toBe('no answer within 100 ms')
    expect(batches()).toEqual([['a'], ['b']])
    const third = submit('c')
    sent[0]?.answer()
    await turn()
    expect(late).toEqual([['a', 'a!']])
    expect(batches()).toEqual([['a'], ['b']])
    sent[1]?.answer()
    expect(await next).toBe('b!')
    await turn()
    expect(batches()).toEqual([['a'], ['b'], ['c']])
    sent[2]?.answer()
    expect(await third).toBe('c!')
    await turn()
    expect(runtime.pending).toBe(0)
    expect(late).toHaveLength(1)
  })

  it('tells a caller once that its request failed, although the call fails after it was given up', async () => {
    const rejected: string[] = []
    const runtime = fakeRuntime()
    let fail: (error: Error) => void = () => {}
    const send = () =>
      new Promise<readonly string[]>((_, reject) => {
        fail = reject
      })
    const batcher = new Batcher<string, string>({ send, idOf: (one) => one }, { maxBatch: 2, timeoutMs: 100, runtime })
    batcher.ask(
      'a',
      () => {},
      (error) => rejected.push(String(error)),
    )
    await runtime.advance(100)
    fail(new Error('broken'))
    await runtime.advance(1)
    expect(rejected).toEqual(['Error: no answer within 100 ms'])
  })

  it('never sends a request that was due before its turn came', async () => {
    const { runtime, submit, sent, batches, turn, behind } = setUp({ timeoutMs: 100 })
    const [first] = await behind(['a'])
    const hurried = caught(submit('b', 10))
    const patient = submit('c')
    await runtime.advance(10)
    expect(await hurried).toMatch('no answer')
    sent[0]?.answer()
    expect(await first).toBe('a!')
    await turn()
    expect(batches()).toEqual([['a'], ['c']])
    sent[1]?.answer()
    expect(await patient).toBe('c!')
  })

  it('gives each request of a call its own time', async () => {
    const { runtime, submit, sent, batches, turn, behind } = setUp({ timeoutMs: 100 })
    const [first] = await behind(['x'])
    const hurried = caught(submit('a', 10))
    const patient = submit('b')
    sent[0]?.answer()
    await first
    await runtime.advance(10)
    expect(await hurried).toMatch('no answer')
    expect(batches()).toEqual([['x'], ['a', 'b']])
    sent[1]?.answer()
    expect(await patient).toBe('b!')
    await turn()
    expect(runtime.pending).toBe(0)
  })

  it('gives up every request of a call that never answers, each when it is due, and holds the others back till then', async () => {
    const { runtime, submit, batches, behind, sent } = setUp({ timeoutMs: 100 })
    const [first] = await behind(['x'])
    const ended: [string, number][] = []
    const noted = (name: string, limitMs?: number) =>
      caught(submit(name, limitMs)).then(() => ended.push([name, runtime.elapsed()]))
    await runtime.advance(50)
    void noted('c', 60)
    void noted('a', 10)
    void noted('b', 80)
    sent[0]?.answer()
    await first
    await runtime.advance(5)
    void noted('later', 1_000)
    await runtime.advance(124)
    expect(ended).toEqual([
      ['a', 60],
      ['c', 110],
      ['b', 130],
    ])
    expect(batches()).toEqual([['x'], ['c', 'a', 'b'], ['later']])
    await runtime.advance(2_000)
    expect(ended.at(-1)).toEqual(['later', 1_055])
    expect(runtime.pending).toBe(0)
  })

  it('does not send the next call before the last of a slow one was given up', async () => {
    const { runtime, submit, batches, turn } = setUp({ timeoutMs: 100 })
    const slow = [caught(submit('a', 10)), caught(submit('b'))]
    await turn()
    void caught(submit('next', 500))
    await runtime.advance(99)
    expect(batches()).toEqual([['a', 'b']])
    await runtime.advance(1)
    expect(await Promise.all(slow)).toHaveLength(2)
    expect(batches()).toEqual([['a', 'b'], ['next']])
  })

  it('lets the next call go when the rest of a slow one was answered already', async () => {
    const { runtime, submit, batches, turn, sent } = setUp({ timeoutMs: 100 })
    const answered = submit('a', 1_000)
    const slow = caught(submit('b'))
    await turn()
    sent[0]?.fail(new Error('no'))
    await turn()
    sent[1]?.answer()
    expect(await answered).toBe('a!')
    const next = submit('c', 500)
    await runtime.advance(100)
    expect(await slow).toMatch('no answer')
    expect(batches()).toEqual([['a', 'b'], ['a'], ['b'], ['c']])
    sent[3]?.answer()
    expect(await next).toBe('c!')
  })

  it('never sends the second half of a failed batch when it was given up behind the first', async () => {
    const { runtime, submit, batches, turn, sent } = setUp({ timeoutMs: 100 })
    const both = [caught(submit('a')), caught(submit('b'))]
    await turn()
    sent[0]?.fail(new Error('no'))
    await runtime.advance(100)
    expect(await Promise.all(both)).toEqual(Array(2).fill('no answer within 100 ms'))
    sent[1]?.answer()
    await turn()
    expect(batches()).toEqual([['a', 'b'], ['a']])
  })

  it('counts what was given up in the queue no longer when it shares out', async () => {
    const { runtime, submit, behind, batches, sent, turn } = setUp({ batches: 2 })
    await behind(['a', 'b'])
    const hurried = ['c', 'd', 'e'].map((name) => caught(submit(name, 10)))
    await runtime.advance(10)
    expect(await Promise.all(hurried)).toHaveLength(3)
    sent[0]?.answer()
    await turn()
    void caught(submit('f'))
    await turn()
    expect(batches()).toEqual([['a'], ['b'], ['f']])
  })

  it('drops an answer that comes too late for one of a call, and gives the others theirs', async () => {
    const runtime = fakeRuntime()
    const sent: ((answers: readonly string[]) => void)[] = []
    const batcher = new Batcher<string, string>(
      { send: () => new Promise((resolve) => sent.push(resolve)), idOf: (request) => request },
      { maxBatch: 10, timeoutMs: 100, runtime },
    )
    const hurried = caught(batcher.submit('a', 10))
    const patient = batcher.submit('b')
    await runtime.advance(10)
    expect(await hurried).toMatch('no answer')
    sent[0]?.(['a!', 'b!'])
    expect(await patient).toBe('b!')
    expect(sent).toHaveLength(1)
  })

  it('does not ask the store for nothing when all but one of a failed batch were given up', async () => {
    const { runtime, submit, sent, batches, turn } = setUp()
    const hurried = caught(submit('a', 10))
    const patient = submit('b')
    await runtime.advance(10)
    expect(await hurried).toMatch('no answer')
    sent[0]?.fail(new Error('no'))
    await turn()
    sent[1]?.answer()
    expect(await patient).toBe('b!')
    await turn()
    expect(batches()).toEqual([['a', 'b'], ['b']])
  })

  it('does not ask again for what was given up while its batch failed', async () => {
    const { runtime, submit, sent, batches, turn, behind } = setUp()
    const [first] = await behind(['x'])
    const answers = [first, caught(submit('a', 10)), submit('b'), submit('c')]
    sent[0]?.answer()
    await runtime.advance(10)
    sent[1]?.fail(new Error('no'))
    await turn()
    for (let call = 2; call < 4; call++) {
      sent[call]?.answer()
      await turn()
    }
    expect(batches().slice(1)).toEqual([['a', 'b', 'c'], ['b'], ['c']])
    expect((await Promise.all(answers)).slice(2)).toEqual(['b!', 'c!'])
  })
})
