import { describe, expect, it } from 'vitest'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { createPause } from './pause.ts'

function started() {
  const runtime = fakeRuntime()
  const pause = createPause(runtime)
  const events: string[] = []
  const wait = (ms: number, name: string) => pause.wait(ms).then(() => events.push(name))
  return { runtime, pause, events, wait }
}

describe('createPause', () => {
  it('waits for as long as it is told', async () => {
    const { runtime, events, wait } = started()
    void wait(100, 'over')
    await runtime.advance(99)
    expect(events).toEqual([])
    await runtime.advance(1)
    expect(events).toEqual(['over'])
  })

  it('is ended by others, and leaves no timer behind', async () => {
    const { runtime, pause, events, wait } = started()
    void wait(100, 'first')
    pause.end()
    await runtime.advance(0)
    expect(events).toEqual(['first'])
    expect(runtime.pending).toBe(0)
    void wait(500, 'second')
    await runtime.advance(499)
    expect(events).toEqual(['first'])
    await runtime.advance(1)
    expect(events).toEqual(['first', 'second'])
  })

  it('does not remember an end while nobody waits', async () => {
    const { runtime, pause, events, wait } = started()
    pause.end()
    void wait(100, 'over')
    await runtime.advance(99)
    expect(events).toEqual([])
  })
})
