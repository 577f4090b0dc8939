import { describe, expect, it } from 'vitest'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { Batcher } from './batcher.ts'
import { OnlyonceError } from './errors.ts'

/** A store call under test control: every batch waits until it is answered. */
function setUp({ maxBatch = 100, timeoutMs = 1_000, batches: atOnce = 1, lone = 0 } = {}) {
  const runtime = fakeRuntime()
  const late: [string, string][] = []
  const sent: {
    readonly batch: readonly string[]
    answer(answers?: readonly string[]): void
    fail(error: unknown): void
  }[] = []
  const batcher = new Batcher<string, string>(
    {
      send: (batch) =>
        new Promise((resolve, reject) => {
          const answer = (answers = batch.map((one) => `${one}!`)) => resolve(answers)
          sent.push({ batch, answer, fail: reject })
        }),
      idOf: (request) => request.slice(0, 1),
      onLate: (request, answer) => late.push([request, answer]),
    },
    { maxBatch, timeoutMs, batches: atOnce, lone, runtime },
  )
  const submit = (request: string, limitMs?: number) => batcher.submit(request, limitMs)
  const batches = () => sent.map((one) => one.batch)
  /** The first leaves by itself, and the others gather behind it. */
  const behind = async ([first = '', ...rest]: readonly string[]) => {
    const leading = submit(first)
    await turn()
    return [leading, ...rest.map((one) => submit(one))]
  }
  const turn = () => runtime.advance(0)
  return { runtime, sent, submit, behind, batches, late, turn }
}

const caught = (answer: Promise<string>) => answer.catch((error: Error) => error.message)

const reasons = (results: readonly PromiseSettledResult<string>[]) =>
  results.map((one) => (one.status === 'fulfilled' ? one.value : `no: ${one.reason.message}`))

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

  it('gives a lone request the error of the store', async () => {
    const { sent, behind } = setUp()
    const [answer] = await behind(['a'])
    const error = new Error('store is away')
    sent[0]?.fail(error)
    await expect(answer).rejects.toBe(error)
  })

  it('splits a batch that fails in halves, so that one bad request fails alone', async () => {
    const { behind, sent, batches, turn } = setUp()
    const settled = Promise.allSettled(await behind(['x', 'a', 'b', 'c', 'd', 'e']))
    sent[0]?.answer()
    await turn()
    for (let call = 1; call < sent.length; call++) {
      const one = sent[call]
      if (one?.batch.includes('c')) one.fail(new Error('c is bad'))
      else one?.answer()
      await turn()
    }
    expect(batches()).toEqual([['x'], ['a', 'b', 'c', 'd', 'e'], ['a', 'b'], ['c', 'd', 'e'], ['c'], ['d', 'e']])
    expect(reasons(await settled)).toEqual(['x!', 'a!', 'b!', 'no: c is bad', 'd!', 'e!'])
  })

  it('does not ask a store that is down once for every request of a batch', async () => {
    const { behind, sent, batches, turn } = setUp()
    const settled = Promise.allSettled(await behind(['x', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']))
    sent[0]?.answer()
    await turn()
    for (let call = 1; call < sent.length; call++) {
      sent[call]?.fail(new Error('away'))
      await turn()
    }
    expect(batches()).toEqual([
      ['x'],
      ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'],
      ['a', 'b', 'c', 'd'],
      ['a', 'b'],
      ['a'],
      ['b'],
    ])
    expect(reasons(await settled)).toEqual(['x!', ...Array(8).fill('no: away')])
    const [next] = await behind(['i'])
    sent.at(-1)?.answer()
    expect(await next).toBe('i!')
  })

  it('takes a request that failed between two that went well for a bad one', async () => {
    const { behind, sent, batches, turn } = setUp()
    const settled = Promise.allSettled(await behind(['x', 'a', 'b', 'c', 'd']))
    sent[0]?.answer()
    await turn()
    for (let call = 1; call < sent.length; call++) {
      const one = sent[call]
      if (one?.batch.includes('a') || one?.batch.includes('c')) one.fail(new Error('bad'))
      else one?.answer()
      await turn()
    }
    expect(batches().slice(2)).toEqual([['a', 'b'], ['a'], ['b'], ['c', 'd'], ['c'], ['d']])
    expect(reasons(await settled)).toEqual(['x!', 'no: bad', 'b!', 'no: bad', 'd!'])
  })

  it('goes on where the store itself refuses one request after the other', async () => {
    const { behind, sent, turn } = setUp()
    const settled = Promise.allSettled(await behind(['x', 'a', 'b', 'c', 'd']))
    sent[0]?.answer()
    await turn()
    for (let call = 1; call < sent.length; call++) {
      const one = sent[call]
      if (one?.batch.includes('d') && one.batch.length === 1) one.answer()
      else one?.fail(new OnlyonceError('STORE_UNAVAILABLE', 'full'))
      await turn()
    }
    expect(reasons(await settled)).toEqual(['x!', 'no: full', 'no: full', 'no: full', 'd!'])
  })

  it.each([[[]], [['b!']], [['b!', 'c!', 'd!']]])('refuses %j as the answers to two requests', async (wrong) => {
    const { behind, sent, turn } = setUp()
    const settled = Promise.allSettled(await behind(['x', 'b', 'c']))
    sent[0]?.answer()
    await turn()
    sent[1]?.answer(wrong)
    await turn()
    sent[2]?.answer([])
    await turn()
    sent[3]?.answer(['1', '2'])
    expect(reasons(await settled)).toEqual([
      'x!',
      'no: the store gave 0 answers to 1 requests',
      'no: the store gave 2 answers to 1 requests',
    ])
  })

  it('turns an error thrown before the call into a rejection', async () => {
    const send = () => {
      throw new Error('not even sent')
    }
    const batcher = new Batcher<string, string>(
      { send, idOf: (request) => request },
      { maxBatch: 2, timeoutMs: 10, runtime: fakeRuntime() },
    )
    await expect(batcher.submit('a')).rejects.toThrow('not even sent')
    await expect(batcher.submit('b')).rejects.toThrow('not even sent')
  })

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

  it('counts what was given up no longer when it decides who is held back', async () => {
    const { runtime, submit, behind, batches, turn } = setUp({ lone: 2 })
    await behind(['a', 'b'])
    const hurried = ['c', 'd'].map((name) => caught(submit(name, 10)))
    await runtime.advance(10)
    expect(await Promise.all(hurried)).toHaveLength(2)
    void caught(submit('e'))
    await turn()
    expect(batches()).toEqual([['a'], ['b']])
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

  it('goes on after a call that failed', async () => {
    const { behind, sent, turn, batches } = setUp()
    const [first, second] = await behind(['a', 'b'])
    sent[0]?.fail(new Error('no'))
    await expect(first).rejects.toThrow('no')
    await turn()
    expect(batches()).toEqual([['a'], ['b']])
    sent[1]?.answer()
    expect(await second).toBe('b!')
  })
})
