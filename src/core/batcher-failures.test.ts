import { describe, expect, it } from 'vitest'
import { caught, reasons, setUp } from '../../test/batcher-kit.ts'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { Batcher, ofWholeCall } from './batcher.ts'
import { OnlyonceError } from './errors.ts'

describe('the batcher', () => {
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

  it('does not ask again for each what the store says of the whole call', async () => {
    const { behind, sent, turn, batches } = setUp()
    const settled = Promise.allSettled(await behind(['x', 'a', 'b', 'c', 'd']))
    sent[0]?.answer()
    await turn()
    sent[1]?.fail(ofWholeCall(new OnlyonceError('STORE_UNAVAILABLE', 'no replicas')))
    await turn()
    expect(batches()).toEqual([['x'], ['a', 'b', 'c', 'd']])
    const refused = 'no: no replicas'
    expect(reasons(await settled)).toEqual(['x!', refused, refused, refused, refused])
  })

  it.each([[['a', 'b']], [['a']]])('tells of each what a refused call for %j did all the same', async (requests) => {
    const { behind, sent, turn, late } = setUp()
    const settled = Promise.allSettled(await behind(['x', ...requests]))
    sent[0]?.answer()
    await turn()
    const did = Promise.resolve(requests.map((one) => `${one}!`))
    sent[1]?.fail(ofWholeCall(new OnlyonceError('STORE_UNAVAILABLE', 'no replicas'), did))
    await turn()
    expect(reasons(await settled)).toEqual(['x!', ...requests.map(() => 'no: no replicas')])
    expect(late).toEqual(requests.map((one) => [one, `${one}!`]))
  })

  it.each([() => Promise.resolve([]), () => Promise.reject(new Error('never'))])(
    'lives with a refused call of which nothing more is heard',
    async (did) => {
      const { submit, sent, turn, late } = setUp()
      const refused = caught(submit('a'))
      await turn()
      sent[0]?.fail(ofWholeCall(new Error('refused'), did()))
      expect(await refused).toBe('refused')
      await turn()
      expect(late).toEqual([])
    },
  )

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
