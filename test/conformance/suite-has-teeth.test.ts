import { describe, expect, it } from 'vitest'
import type { Store } from '../../src/core/store.ts'
import { runStoreCase, type StoreCase, storeCases, storeConformance } from '../../src/testing/index.ts'
import { BROKEN } from './broken-stores.ts'
import { openRulesStore, type Rules } from './rules-store.ts'

/** The names of the cases that a store on these rules fails. */
async function failing(change: Partial<Rules>, wrap?: (store: Store) => Partial<Store>): Promise<readonly string[]> {
  const names: string[] = []
  for (const one of storeCases) {
    await runStoreCase(one, async () => openRulesStore(change, wrap)).catch(() => names.push(one.name))
  }
  return names
}

describe('the conformance suite', () => {
  it('passes a sound store, so that the failures below are the defects', async () => {
    expect(await failing({})).toEqual([])
  })

  it.each(BROKEN)('notices that $what', async ({ rules = {}, wrap, caughtBy }) => {
    expect(await failing(rules, wrap)).toContain(caughtBy)
  })

  it('has at least 60 cases for every store, each with a name of its own', () => {
    const names = storeCases.map((one) => one.name)
    expect(new Set(names).size).toBe(names.length)
    expect(storeCases.filter((one) => one.needs === undefined).length).toBeGreaterThanOrEqual(60)
  })
})

describe('storeConformance', () => {
  const run = (skip: Record<string, string>, withSkip = true) => {
    const ran: string[] = []
    const skipped: string[] = []
    const it = Object.assign((name: string) => void ran.push(name), {
      ...(withSkip ? { skip: (name: string) => void skipped.push(name) } : {}),
    })
    const open = async () => openRulesStore({})
    storeConformance('x', { open, skip }, { describe: (_name, body) => body(), it })
    return { ran, skipped }
  }
  const known = (storeCases[0] as (typeof storeCases)[number]).name

  it('hands every case to the runner once', () => {
    expect(run({}).ran).toEqual(storeCases.map((one) => one.name))
  })

  it('skips what it is told to, and shows the reason', () => {
    const { ran, skipped } = run({ [known]: 'no such thing here' })
    expect(skipped).toEqual([`${known} (skipped: no such thing here)`])
    expect(ran).not.toContain(known)
    expect(ran).toHaveLength(storeCases.length - 1)
  })

  it('shows the reason with a runner that cannot skip', () => {
    expect(run({ [known]: 'why' }, false).ran).toContain(`${known} (skipped: why)`)
  })

  it('refuses to skip a case that does not exist, or without a reason', () => {
    expect(() => run({ 'no such case': 'why' })).toThrow('"no such case"')
    expect(() => run({ [known]: ' ' })).toThrow('no reason')
  })

  it('tells the runner when a case does not apply to the store', async () => {
    const told: string[] = []
    const bodies: Promise<void>[] = []
    const it = (_name: string, body: (...context: readonly unknown[]) => Promise<void>) => {
      bodies.push(body({ skip: (reason: string) => told.push(reason) }))
    }
    const open = async () => {
      const { store, advance } = openRulesStore({})
      return { store, advance }
    }
    storeConformance('x', { open }, { describe: (_name, body) => body(), it })
    await Promise.all(bodies)
    expect(told).toHaveLength(storeCases.filter((one) => one.needs !== undefined).length)
    expect(told).toContain('the store has no transactional')
  })

  it('closes what it opened, also after a failure', async () => {
    let closed = 0
    const open = async () => ({ ...openRulesStore({}), close: async () => void closed++ })
    const failed = { name: 'fails', group: 'x', run: () => Promise.reject(new Error('as expected')) }
    await expect(runStoreCase(failed, open)).rejects.toThrow('as expected')
    expect(closed).toBe(1)
  })

  it('closes what a case opened besides, before the data goes', async () => {
    const closed: string[] = []
    const open = async () => {
      const { store, advance } = openRulesStore({})
      const another = { ...store, [Symbol.asyncDispose]: async () => void closed.push('another') }
      return { store, advance, another: async () => another, close: async () => void closed.push('all') }
    }
    const opens: StoreCase = {
      name: 'opens another',
      group: 'x',
      async run({ openAnother }) {
        await openAnother()
        throw new Error('as expected')
      },
    }
    await expect(runStoreCase(opens, open)).rejects.toThrow('as expected')
    expect(closed).toEqual(['another', 'all'])
  })
})
