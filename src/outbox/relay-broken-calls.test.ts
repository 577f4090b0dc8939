import { describe, expect, it } from 'vitest'
import { setup } from '../../test/relay-kit.ts'

const isBad = (id: string) => id.startsWith('bad')
const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `m${from + index}`)

describe('relay, with messages that break every call they are in', () => {
  it('finds one among many within seconds', async () => {
    const { make, add, rows, runtime } = setup(({ id }) => (isBad(id) ? 'throw' : { ok: true }))
    await add('bad', ...ids(0, 2_000))
    const one = make()
    one.start()
    await runtime.advance(15_000)
    expect(rows.map(({ id }) => id)).toEqual(['bad'])
    await one.stop()
  })

  it('goes on although some of them are due whenever it comes to publish', async () => {
    const { make, add, rows, runtime } = setup(({ id }) => (isBad(id) ? 'throw' : { ok: true }))
    await add('bad', 'bad too')
    const one = make()
    one.start()
    // Long enough for their pauses, and the relay's own, to be as long as they get.
    await runtime.advance(3_600_000)
    for (let from = 0; from < 3_000; from += 100) {
      await add(...ids(from, from + 100))
      await runtime.advance(3_000)
      expect(rows.map(({ id }) => id)).toEqual(['bad', 'bad too'])
    }
    await one.stop()
  })

  it('keeps the order behind one, and publishes all once it is accepted', async () => {
    let broken = true
    const { make, add, calls, rows, runtime } = setup(({ id }) => (broken && isBad(id) ? 'throw' : { ok: true }))
    await add(['bad', 'k'], ['after', 'k'], 'other')
    const one = make()
    one.start()
    await runtime.advance(600_000)
    await add(['last', 'k'], 'another')
    await runtime.advance(600_000)
    expect(rows.map(({ id }) => id)).toEqual(['bad', 'after', 'last'])
    broken = false
    await runtime.advance(120_000)
    expect(rows).toEqual([])
    expect(calls.flat().slice(-3)).toEqual(['bad', 'after', 'last'])
    await one.stop()
  })

  it('keeps the others in full calls, however often one of them is tried by itself', async () => {
    const { make, add, calls, rows, runtime } = setup(({ id }) => (isBad(id) ? 'throw' : { ok: true }))
    await add('bad')
    const one = make({ batchSize: 100 })
    one.start()
    await runtime.advance(600_000)
    expect(calls.flat().every(isBad)).toBe(true)
    await add(...ids(0, 400))
    await runtime.advance(60_000)
    expect(rows.map(({ id }) => id)).toEqual(['bad'])
    expect(calls.filter(([first = '']) => !isBad(first))).toHaveLength(4)
    await one.stop()
  })

  it('asks a broker that is gone less and less often', async () => {
    const { make, add, calls, runtime } = setup(() => 'throw')
    await add(...ids(0, 500))
    const one = make()
    one.start()
    await runtime.advance(600_000)
    const before = calls.length
    await runtime.advance(3_600_000)
    expect(calls.length - before).toBeLessThanOrEqual(120)
    await one.stop()
  })
})
