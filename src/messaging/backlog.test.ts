import { describe, expect, it } from 'vitest'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { createBacklog, type Held } from './backlog.ts'

interface Named extends Held {
  readonly name: string
  ours: boolean
}

function setup(...names: string[]) {
  const runtime = fakeRuntime()
  let wakes = 0
  const backlog = createBacklog<Named>(runtime)
  backlog.watch(() => void wakes++)
  const held = new Map<string, Named>()
  /** The letter before the number is the ordering key; a name that begins with `-` has none. */
  const add = (name: string) => {
    const one: Named = {
      name,
      ours: true,
      seen: false,
      orderingKey: name.startsWith('-') ? undefined : name[0],
      isOurs: () => one.ours,
    }
    held.set(name, one)
    backlog.add(one)
  }
  names.forEach(add)
  const of = (name: string) => held.get(name) as Named
  const take = (max: number, gathering?: object) => backlog.take(max, gathering).map(({ name }) => name)
  return { runtime, backlog, of, take, add, wakes: () => wakes }
}

describe('a backlog', () => {
  it('hands out messages of one ordering key one at a time, others side by side, the oldest first', () => {
    const { take, backlog, of } = setup('a1', 'a2', '-1', 'b1', 'b2', '-2')
    expect(take(10)).toEqual(['a1', '-1', 'b1', '-2'])
    expect(take(10)).toEqual([])
    backlog.done(of('a1'))
    expect(take(10)).toEqual(['a2'])
    expect(backlog.size).toBe(1)
  })

  it('hands out several of one key for a batch, and none of them for another before all are done', () => {
    const { take, backlog, of, add } = setup('a1', 'b1', 'a2')
    const batch = {}
    expect(take(2, batch)).toEqual(['a1', 'b1'])
    expect(take(2, batch)).toEqual(['a2'])
    add('a3')
    expect(take(2, {})).toEqual([])
    expect(take(2)).toEqual([])
    backlog.done(of('a1'))
    expect(take(2, {})).toEqual([])
    backlog.done(of('a2'))
    expect(take(2, {})).toEqual(['a3'])
  })

  it('keeps a key for the one that is put off, and brings those behind it back in order', async () => {
    const { take, backlog, of, add, runtime } = setup('a1', 'a2', 'a3', 'b1')
    take(10, {})
    add('a4')
    backlog.again(of('a2'), 0)
    backlog.again(of('a3'), 0)
    backlog.again(of('a1'), 500)
    await runtime.advance(1)
    expect(backlog.size).toBe(3)
    expect(take(10, {})).toEqual([])
    await runtime.advance(500)
    expect(take(10, {})).toEqual(['a1', 'a2', 'a3', 'a4'])
    expect([of('a1').seen, of('a4').seen]).toEqual([true, false])
  })

  it('puts one without a key in front when its pause is over', async () => {
    const { take, backlog, of, add, runtime } = setup('-1', '-2')
    take(1)
    backlog.again(of('-1'), 100)
    add('-3')
    await runtime.advance(100)
    expect(take(10)).toEqual(['-1', '-2', '-3'])
  })

  it('forgets what was lost, with its turn', async () => {
    const { take, backlog, of, add, runtime } = setup('a1', 'a2', 'a3')
    take(2, {})
    backlog.again(of('a1'), 100)
    for (const name of ['a1', 'a2', 'a3']) of(name).ours = false
    backlog.dropLost()
    add('a4')
    expect(take(10)).toEqual(['a4'])
    await runtime.advance(1_000)
    expect(take(10)).toEqual([])
  })

  it('brings nothing back after its end', async () => {
    const { take, backlog, of, runtime } = setup('a1')
    take(1)
    backlog.again(of('a1'), 100)
    backlog.end()
    await runtime.advance(1_000)
    expect(take(1)).toEqual([])
  })
})
