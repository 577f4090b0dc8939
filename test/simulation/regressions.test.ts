import { expect, it } from 'vitest'
import { onlyonce } from '../../src/core/engine.ts'
import type { Reconciled } from '../../src/core/options.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { fakeRuntime } from '../../src/testing/fake-runtime.ts'

// What the simulator found once in a hundred thousand schedules, played on purpose.

it('an owner whose policy answers after its lease was lost does not start the effect', async () => {
  const runtime = fakeRuntime()
  const store = memoryStore({ runtime })
  const hours = 3_600_000
  const options = { store, scope: 's', runtime, leaseMs: 1_000, maxRunMs: 2_000, retentionMs: hours }
  const started: string[] = []
  const hang = () => new Promise<never>(() => {})

  // The first owner disappears half-way, the second asks what became of it and waits for the answer.
  const first = expect(onlyonce(options).attempt('k', hang)).rejects.toMatchObject({ code: 'LEASE_LOST' })
  await runtime.advance(3_500)
  await first
  let answer: (reconciled: Reconciled) => void = () => {}
  const onAbandoned = () =>
    new Promise<Reconciled>((resolve) => {
      answer = resolve
    })
  const second = onlyonce({ ...options, onAbandoned }).attempt('k', () => started.push('second'))
  const refused = expect(second).rejects.toMatchObject({ code: 'LEASE_LOST' })
  await runtime.advance(3_500)
  await refused

  const third = await onlyonce(options).attempt('k', () => started.push('third'))
  expect(third.kind).toBe('executed')
  answer({ happened: false })
  await runtime.advance(10)
  expect(started).toEqual(['third'])
})
