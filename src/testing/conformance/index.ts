import { checkFunction } from '../../core/option-rules.ts'
import type { Store } from '../../core/store.ts'
import { atomicCases } from './atomic.ts'
import { atomicBatchCases } from './atomic-batches.ts'
import { atomicRaceCases } from './atomic-races.ts'
import { batchCases } from './batches.ts'
import { byteCases } from './bytes.ts'
import { claimCases } from './claim.ts'
import { completeCases } from './complete.ts'
import { concurrencyCases } from './concurrency.ts'
import { fenceCases } from './fences.ts'
import { findListCases } from './find-list.ts'
import { fingerprintCases } from './fingerprint.ts'
import { forgetSweepCases } from './forget-sweep.ts'
import { checkCase, checkOpened, checkSuite } from './given.ts'
import { contextOf, type StoreCase, type StoreUnderTest, unmet } from './harness.ts'
import { lateWriteCases } from './late-writes.ts'
import { outboxCases } from './outbox.ts'
import { outboxParkedCases } from './outbox-parked.ts'
import { outboxRelayCases } from './outbox-relay.ts'
import { releaseCases } from './release.ts'
import { renewCases } from './renew.ts'
import { renewalRaceCases } from './renewal-races.ts'
import { twoProcessCases } from './two-processes.ts'
import { traitCases, watchCases } from './watch-traits.ts'

export type { Need, StoreCase, StoreContext, StoreUnderTest } from './harness.ts'

/** Every case of the suite, for running them in another way. */
export const storeCases: readonly StoreCase[] = Object.freeze([
  ...claimCases,
  ...fingerprintCases,
  ...renewCases,
  ...completeCases,
  ...releaseCases,
  ...lateWriteCases,
  ...fenceCases,
  ...findListCases,
  ...forgetSweepCases,
  ...byteCases,
  ...batchCases,
  ...concurrencyCases,
  ...renewalRaceCases,
  ...twoProcessCases,
  ...watchCases,
  ...traitCases,
  ...atomicCases,
  ...atomicRaceCases,
  ...atomicBatchCases,
  ...outboxCases,
  ...outboxRelayCases,
  ...outboxParkedCases,
])

/** The part of vitest, node:test, jest or mocha that the suite uses. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown
  readonly it: {
    (name: string, body: (...context: readonly unknown[]) => Promise<void>): unknown
    skip?(name: string, body: () => Promise<void>): unknown
  }
}

/** What `storeConformance` needs: how to open a store, and what is known not to hold. */
export interface StoreConformanceOptions {
  /** Called for every case: returns a store that is open, empty and used by no other case. */
  readonly open: () => Promise<StoreUnderTest>
  /**
   * Default: none. Names of cases that do not hold here, each with its reason. A name that is not a case is an error.
   */
  readonly skip?: Readonly<Record<string, string>>
}

/**
 * Tests a store against everything the engine relies on, with the runner you pass in:
 * `storeConformance('mine', { open }, { describe, it })`.
 * A case that needs what the store lacks (a transaction, `watch`, `reopen`, `another`) skips itself.
 * @throws Error when `skip` names an unknown case or gives no reason
 */
export function storeConformance(name: string, options: StoreConformanceOptions, runner: TestRunner): void {
  checkSuite(options, 'open', runner)
  const { open, skip = {} } = options
  const { describe, it } = runner
  checkSkips(skip)
  for (const group of new Set(storeCases.map((one) => one.group))) {
    describe(`${name} store: ${group}`, () => {
      for (const one of storeCases) {
        if (one.group !== group) continue
        const reason = Object.hasOwn(skip, one.name) ? skip[one.name] : undefined
        if (reason === undefined) it(one.name, (...context) => runCase(one, open, context[0]))
        // An empty test, whose title says what is skipped and why, even if the runner cannot skip.
        else if (it.skip !== undefined) it.skip(`${one.name} (skipped: ${reason})`, async () => {})
        else it(`${one.name} (skipped: ${reason})`, async () => {})
      }
    })
  }
}

/** Runs one case on its own store and closes that. Returns the unmet needs if the case does not apply. */
export async function runStoreCase(one: StoreCase, open: StoreConformanceOptions['open']): Promise<readonly string[]> {
  checkCase(one, 'storeCases')
  checkFunction('open', open)
  const opened = await open()
  const others: Store[] = []
  try {
    checkOpened(opened)
    const missing = unmet(one, opened)
    if (missing.length === 0) await one.run(contextOf(opened, others))
    return missing
  } finally {
    for (const other of others) await other[Symbol.asyncDispose]()
    await Object(opened).close?.()
  }
}

async function runCase(one: StoreCase, open: StoreConformanceOptions['open'], test: unknown): Promise<void> {
  const missing = await runStoreCase(one, open)
  // vitest and node:test can skip a running test; elsewhere a case that does not apply passes.
  if (missing.length > 0) (test as SkippableTest | undefined)?.skip?.(`the store has no ${missing.join(', ')}`)
}

interface SkippableTest {
  skip?(reason: string): void
}

function checkSkips(skip: Readonly<Record<string, string>>): void {
  for (const [name, reason] of Object.entries(skip)) {
    if (!storeCases.some((one) => one.name === name)) {
      throw new Error(
        `skip names ${JSON.stringify(name)}, which is not a case of the suite: it was renamed, or never was`,
      )
    }
    if (typeof reason !== 'string' || reason.trim() === '') {
      throw new Error(`skip gives no reason for ${JSON.stringify(name)}`)
    }
  }
}
