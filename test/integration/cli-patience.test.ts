import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { type Fault, faultyStore } from '../../src/testing/faulty-store.ts'
import { cli } from './cli-kit.ts'

const HUNG: Fault = { kind: 'hang', applied: false }
const LATE: Fault = { kind: 'delay-reply', ms: 600_000 }
/** What is the matter with the store that a command opens, whatever its URL. */
let plan: Partial<Record<string, Fault>> = {}
let met: () => void = () => {}
vi.mock('../../src/stores/open.ts', () => ({
  openStore: async () => faultyStore(memoryStore(), (verb) => plan[verb], { onFault: () => met() }),
}))

// Once: the timers of the runtime outlive a test.
beforeAll(() => void vi.useFakeTimers())
afterAll(() => void vi.useRealTimers())

/** How `sweep` ends, if it has that long after it met what is the matter. */
async function sweptWithin(ms: number): Promise<unknown> {
  const trouble = new Promise<void>((resolve) => {
    met = resolve
  })
  const code = cli(['sweep', '--store', 'sqlite:any.db']).then((said) => said.code)
  await trouble
  await vi.advanceTimersByTimeAsync(ms)
  return Promise.race([code, 'it still waits'])
}

it('a sweep of a large table is waited for', async () => {
  plan = { sweep: LATE }
  expect(await sweptWithin(600_000)).toBe(0)
})

it('a server that never answers is told by the question before it, in seconds', async () => {
  plan = { find: HUNG, sweep: HUNG }
  expect(await sweptWithin(20_000)).toBe(3)
})
