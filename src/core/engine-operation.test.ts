import { describe, expect, it } from 'vitest'
import { engine, gate } from '../../test/engine-kit.ts'
import { operationId } from './key.ts'

describe('the effect', () => {
  it('is told the operation it carries out', async () => {
    const { once } = engine()
    let seen: unknown
    await once({ key: 'a', scope: 'mine' }, (op) => {
      seen = { ...op }
    })
    expect(seen).toMatchObject({ scope: 'mine', key: 'a', attempt: 1, starts: 1, fence: expect.any(Number) })
    expect(seen).toMatchObject({ owner: expect.stringMatching(/^[0-9a-f]{32}$/) })
  })

  it('gets a fence that grows with every start, and a count of the starts', async () => {
    const { once } = engine()
    const fences: number[] = []
    const starts: number[] = []
    const failing = once('a', (op) => {
      fences.push(op.fence)
      starts.push(op.starts)
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow()
    await once('a', (op) => {
      fences.push(op.fence)
      starts.push(op.starts)
      expect(op.attempt).toBe(1)
    })
    expect(fences[1]).toBeGreaterThan(fences[0] as number)
    expect(starts).toEqual([1, 2])
  })

  it('derives the same downstream key on every attempt, and another one for another part or operation', async () => {
    const { once } = engine()
    const children: string[] = []
    const note = (op: { child(name: string): string }) => void children.push(op.child('charge'), op.child('mail'))
    await expect(
      once('a', (op) => {
        note(op)
        throw new Error('no')
      }),
    ).rejects.toThrow()
    await once('a', note)
    await once('b', note)
    expect(children.slice(0, 2)).toEqual(children.slice(2, 4))
    expect(new Set(children).size).toBe(4)
    expect(children[0]).toBe(operationId(operationId('test', 'a'), 'charge'))
  })
})

describe('events', () => {
  it('tell how long the effect ran', async () => {
    const { once, runtime, events } = engine({ onThrow: 'remember' })
    await runtime.advance(1_000)
    const { started, effect } = gate<number>()
    const both = [once.attempt('a', effect), once.attempt('b', effect)]
    await runtime.advance(40)
    started[0]?.resolve(1)
    await both[0]
    started[1]?.reject(new Error('no'))
    await both[1]
    expect(events.slice(2)).toMatchObject([
      { type: 'executed', key: 'a', tookMs: 40 },
      { type: 'failed', key: 'b', tookMs: 40, remembered: true },
    ])
  })

  it('do not take a slow claim for a slow effect', async () => {
    const { once, runtime, events } = engine({ onThrow: 'remember' }, (verb) =>
      verb === 'claim' ? { kind: 'delay-reply', ms: 100 } : undefined,
    )
    await runtime.advance(1_000)
    const pause = () => new Promise((resolve) => void runtime.after(40, resolve as () => void))
    const calls = [
      once.attempt('a', pause),
      once.attempt('b', () => pause().then(() => Promise.reject(new Error('no')))),
      once.exclusive('c', pause),
    ]
    await runtime.advance(200)
    await Promise.all(calls)
    const told = (key: string) => events.filter((event) => event.key === key)
    expect(told('a')).toMatchObject([
      { type: 'claimed', tookMs: 100 },
      { type: 'executed', tookMs: 40 },
    ])
    expect(told('b')).toMatchObject([
      { type: 'claimed', tookMs: 100 },
      { type: 'failed', tookMs: 40 },
    ])
    expect(told('c')).toMatchObject([
      { type: 'claimed', tookMs: 100 },
      { type: 'executed', tookMs: 40 },
    ])
  })

  it('tell of another payload', async () => {
    const { once, events } = engine()
    await once({ key: 'a', payload: 1 }, () => 1)
    await once.attempt({ key: 'a', payload: 2 }, () => 1)
    expect(events.at(-1)).toEqual({ type: 'mismatch', scope: 'test', key: 'a' })
  })

  it('tell an execution and a replay with scope and key', async () => {
    const { once, events } = engine()
    await once('a', () => 1)
    await once('a', () => 1)
    const about = { scope: 'test', key: 'a' }
    expect(events).toEqual([
      { type: 'claimed', attempt: 1, fence: expect.any(Number), tookMs: 0, ...about },
      { type: 'executed', attempt: 1, fence: expect.any(Number), tookMs: 0, ...about },
      { type: 'replayed', result: 'value', joined: false, ...about },
    ])
  })

  it('reach a listener until it unsubscribes, and one that throws changes nothing', async () => {
    const reported: unknown[] = []
    const { once } = engine({ onListenerError: (error) => reported.push(error) })
    const broken = new Error('listener')
    const stop = once.on(() => {
      throw broken
    })
    expect(await once('a', () => 1)).toBe(1)
    expect(reported).toEqual([broken, broken])
    stop()
    await once('b', () => 1)
    expect(reported).toHaveLength(2)
  })
})

describe('find and forget', () => {
  it('show nothing, then a running, then a done operation', async () => {
    const { once, runtime } = engine({ retentionMs: 60_000 })
    const { started, effect } = gate<number>()
    expect(await once.find('a')).toBeUndefined()
    const running = once('a', effect)
    await runtime.advance(0)
    expect(await once.find('a')).toMatchObject({ scope: 'test', key: 'a', state: 'running', attempt: 1, starts: 1 })
    started[0]?.resolve(7)
    await running
    expect(await once.find('a')).toEqual({
      scope: 'test',
      key: 'a',
      state: 'done',
      attempt: 1,
      starts: 1,
      fence: expect.any(Number),
      createdAt: new Date(runtime.now()),
      retainUntil: new Date(runtime.now() + 60_000),
      result: { kind: 'value', value: 7 },
    })
  })

  it('let the effect run again after forget', async () => {
    const { once } = engine()
    await once('a', () => 1)
    expect(await once.forget('a')).toBe(true)
    expect(await once.forget('a')).toBe(false)
    expect(await once('a', () => 2)).toBe(2)
  })

  it('leave the readable key out of the store when keys are hashed', async () => {
    const { once, store } = engine({ keys: 'hashed' })
    await once('secret', () => 1)
    const [record] = await store.find([operationId('test', 'secret')])
    expect(record).not.toHaveProperty('key')
    expect(record).not.toHaveProperty('scope')
    expect(await once.find('secret')).toMatchObject({ key: 'secret', scope: 'test' })
  })
})
