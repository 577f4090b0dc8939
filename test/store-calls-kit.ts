import { expect } from 'vitest'
import type { OnlyonceError } from '../src/core/errors.ts'
import type { ClaimRequest, Store } from '../src/core/store.ts'
import { createStoreCalls } from '../src/core/store-calls.ts'
import { memoryStore } from '../src/stores/memory/index.ts'
import { fakeRuntime } from '../src/testing/fake-runtime.ts'
import { type FaultPlan, faultyStore } from '../src/testing/faulty-store.ts'

export const request = (id: string): ClaimRequest => ({
  id: id.padEnd(32, '0'),
  scope: 's',
  key: id,
  fingerprint: '',
  owner: `owner-${id}`,
  leaseMs: 3_000,
  retentionMs: 60_000,
})

/** The calls of an engine to a memory store with faults, under virtual time. */
export function setup(plan: FaultPlan = {}, change: (store: Store) => Partial<Store> = () => ({})) {
  const runtime = fakeRuntime()
  const memory = memoryStore({ runtime })
  const store = faultyStore({ ...memory, ...change(memory) }, plan, { runtime })
  const failures: [string, unknown][] = []
  const calls = createStoreCalls(store, {
    runtime,
    storeTimeoutMs: 1_000,
    maxBatch: 10,
    onFailure: (verb, error) => failures.push([verb, error]),
  })
  return { runtime, memory, calls, failures }
}

export const caught = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('resolved'),
    (error: unknown) => error as OnlyonceError,
  )
