import { describe, expect, it } from 'vitest'
import { abandon, delivery, setup } from '../../test/inbox-kit.ts'
import { onlyonce } from '../core/engine.ts'
import { type FakeRuntime, fakeRuntime } from '../testing/fake-runtime.ts'
import { inbox, type LeasedInboxOptions } from './inbox.ts'

describe('inbox, after a process died', () => {
  it('parks a message that keeps taking the process down, after maxAttempts starts', async () => {
    const { again, runtime, store } = setup({ maxAttempts: 3, leaseMs: 3_000, holdMs: 1 })
    // A process that dies leaves a claim behind that nobody settles.
    let starts = 0
    for (; starts < 20; starts++) {
      const dying = onlyonce({ store, scope: 'shop', runtime, leaseMs: 3_000 })
      const verdict = Promise.race([
        inbox({
          once: dying,
          name: 'coupons',
          delivers: 'at-least-once',
          maxAttempts: 3,
          maxRunMs: 3_000,
          handle: () => new Promise(() => {}),
        })(delivery({ redelivered: starts > 0 })),
        new Promise<'died'>((resolve) => runtime.after(5_000, () => resolve('died'))),
      ])
      await runtime.advance(5_000)
      if ((await verdict) !== 'died') break
    }
    expect(starts).toBe(3)
    const parked = await again()(delivery({ redelivered: true }))
    expect(parked).toMatchObject({ kind: 'dead-letter', reason: expect.stringContaining('3 times') })
  })

  it('dead-letters an operation that is held for a decision', async () => {
    const world = setup({ onAbandoned: 'hold', leaseMs: 3_000 })
    await abandon(world, [delivery()])
    expect(await world.receive(delivery({ redelivered: true }))).toMatchObject({
      kind: 'dead-letter',
      reason: expect.stringContaining('unknown'),
    })
  })

  describe('for messages whose last start nobody saw end', () => {
    const names = ['s1', 's2', 's3']

    /** All of them were begun by a process that died. */
    async function afterCrash(runtime: FakeRuntime, given: Partial<LeasedInboxOptions> = {}) {
      const world = setup({ leaseMs: 3_000, ...given }, runtime)
      await abandon(
        world,
        names.map((id) => delivery({ id })),
      )
      return world
    }

    it('runs them one at a time, beside the others', async () => {
      const runtime = fakeRuntime()
      const now = new Set<string>()
      const together: string[] = []
      const handle = ({ id }: { id: string }) =>
        new Promise<void>((resolve) => {
          now.add(id)
          together.push([...now].sort().join(' '))
          runtime.after(100, () => {
            now.delete(id)
            resolve()
          })
        })
      const { receive } = await afterCrash(runtime, { handle })
      const suspects = names.map((id) => receive(delivery({ id, redelivered: true })))
      const other = receive(delivery({ id: 'new' }))
      await runtime.advance(1_000)
      for (const verdict of [...(await Promise.all(suspects)), await other]) expect(verdict).toEqual({ kind: 'ack' })
      expect(together).toContain('new s1')
      expect(together.filter((set) => /s\d .*s\d/.test(set))).toEqual([])
      expect(together).toHaveLength(4)
    })

    it('lets none of them stand behind one that an owner elsewhere is running', async () => {
      const runtime = fakeRuntime()
      const { receive, store, handled } = await afterCrash(runtime)
      const owner = onlyonce({ store, scope: 'shop', runtime })
      const slow = () => new Promise<void>((resolve) => void runtime.after(60_000, resolve))
      const elsewhere = inbox({ once: owner, name: 'coupons', delivers: 'at-least-once', handle: slow })
      const running = elsewhere(delivery({ id: 's1', redelivered: true }))
      await runtime.advance(10)
      const held = receive(delivery({ id: 's1', redelivered: true }))
      const free = receive(delivery({ id: 's2', redelivered: true }))
      await runtime.advance(2_000)
      expect(handled).toEqual(['s2'])
      await runtime.advance(60_000)
      expect(await Promise.all([running, held, free])).toEqual([{ kind: 'ack' }, { kind: 'ack' }, { kind: 'ack' }])
      expect(handled).toEqual(['s2'])
    })
  })
})
