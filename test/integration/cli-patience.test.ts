import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { withStore } from '../../src/cli/store.ts'
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

/** How a command ends, if it has that long after it met what is the matter. */
async function endsWithin(ms: number, ...argv: string[]): Promise<unknown> {
  const trouble = new Promise<void>((resolve) => {
    met = resolve
  })
  const code = cli([...argv, '--store', 'sqlite:any.db']).then((said) => said.code)
  await trouble
  await vi.advanceTimersByTimeAsync(ms)
  return Promise.race([code, 'it still waits'])
}

const LONG = [
  ['sweep', ['sweep']],
  ['list', ['keys', 'ls', '--state', 'abandoned']],
  ['list', ['doctor']],
] as const

it.each(LONG)('`%s` of many records is waited for (%j)', async (verb, argv) => {
  plan = { [verb]: LATE }
  expect(await endsWithin(3_000_000, ...argv)).toBe(0)
})

it.each(LONG)(
  'a server that never answers is told by the question before `%s`, in seconds (%j)',
  async (verb, argv) => {
    plan = { find: HUNG, [verb]: HUNG }
    expect(await endsWithin(20_000, ...argv)).toBe(3)
  },
)

it('a store that was down at the first look is asked again at the next', async () => {
  await withStore('sqlite:any.db', async (store) => {
    plan = { find: { kind: 'lose-request' } }
    await expect(store.list({ limit: 1 })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    plan = {}
    expect(await store.list({ limit: 1 })).toMatchObject({ items: [] })
    expect(await store.sweep(1)).toBe(0)
  })
})

it('a store that goes silent after many answers is told in seconds, too', async () => {
  await withStore('sqlite:any.db', async (store) => {
    plan = {}
    await store.list({ limit: 1 })
    plan = { find: HUNG, list: HUNG }
    const told = store.list({ limit: 1 }).catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(20_000)
    expect(await Promise.race([told, 'it still waits'])).toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })
})
