import { onlyonce } from '../src/core/engine.ts'
import type { OnceEvent } from '../src/core/events.ts'
import type { EngineOptions } from '../src/core/options.ts'
import type { Store } from '../src/core/store.ts'
import { memoryStore } from '../src/stores/memory/index.ts'
import { fakeRuntime } from '../src/testing/fake-runtime.ts'
import { type Fault, type FaultPlan, type FaultyVerb, faultyStore } from '../src/testing/faulty-store.ts'

/** An engine on a memory store under virtual time, with all its events. */
export function engine(given: Partial<EngineOptions> = {}, plan: FaultPlan = {}) {
  const runtime = fakeRuntime()
  const store = memoryStore({ runtime })
  const events: OnceEvent[] = []
  const open = (more: Partial<EngineOptions> = {}, faults: FaultPlan = {}) => {
    const faulty: Store = faultyStore(store, faults, { runtime })
    const once = onlyonce({
      store: faulty,
      scope: 'test',
      leaseMs: 3_000,
      storeTimeoutMs: 1_000,
      runtime,
      ...given,
      ...more,
    })
    once.on((event) => events.push(event))
    return once
  }
  const types = () => events.map((event) => event.type)
  return { runtime, store, events, types, open, once: open({}, plan) }
}

/** An effect that counts its runs, each of which ends when the test resolves it. */
export function gate<T>() {
  const started: { resolve: (value: T) => void; reject: (error: unknown) => void }[] = []
  return {
    started,
    effect: () => new Promise<T>((resolve, reject) => started.push({ resolve, reject })),
  }
}

/** Faults every call of `verb`, and no other. */
export const always =
  (verb: FaultyVerb, fault: Fault) =>
  (called: FaultyVerb): Fault | undefined =>
    called === verb ? fault : undefined
