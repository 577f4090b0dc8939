import { describe, expect, it } from 'vitest'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { createWaits } from './waiting.ts'

function setup() {
  const runtime = fakeRuntime()
  const waits = createWaits(runtime)
  const ended: number[] = []
  const note = (wait: Promise<void>) => wait.then(() => void ended.push(runtime.elapsed()))
  return { runtime, waits, ended, note }
}

describe('waits', () => {
  it('end when their time is over', async () => {
    const { runtime, waits, ended, note } = setup()
    void note(waits.wait(10))
    void note(waits.wait(-5))
    await runtime.advance(20)
    expect(ended).toEqual([0, 10])
  })

  it('end when a subscription calls back, and unsubscribe once', async () => {
    const { runtime, waits, ended, note } = setup()
    let unsubscribed = 0
    let wake = () => {}
    const subscribe = (call: () => void) => {
      wake = call
      return () => void unsubscribed++
    }
    void note(waits.wait(10, subscribe))
    await runtime.advance(3)
    wake()
    wake()
    await runtime.advance(20)
    expect(ended).toEqual([3])
    expect(unsubscribed).toBe(1)
    expect(runtime.pending).toBe(0)
  })

  it('end when a subscription calls back at once, and then unsubscribe too', async () => {
    const { runtime, waits, ended, note } = setup()
    let unsubscribed = 0
    const subscribe = (call: () => void) => {
      call()
      return () => void unsubscribed++
    }
    void note(waits.wait(10, subscribe))
    await runtime.advance(20)
    expect(ended).toEqual([0])
    expect(unsubscribed).toBe(1)
  })

  it('end when their time is over also where there was nothing to subscribe to', async () => {
    const { runtime, waits, ended, note } = setup()
    void note(waits.wait(10, () => undefined))
    await runtime.advance(20)
    expect(ended).toEqual([10])
  })

  it('end all together', async () => {
    const { runtime, waits, ended, note } = setup()
    void note(waits.wait(10))
    void note(waits.wait(20))
    await runtime.advance(1)
    waits.wakeAll()
    await runtime.advance(0)
    expect(ended).toEqual([1, 1])
    expect(runtime.pending).toBe(0)
  })
})
