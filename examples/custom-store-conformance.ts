// A store of one's own, tested with the suite that onlyonce tests its own stores with, under node:test.
import { describe, it } from 'node:test'
import { memoryStore } from 'onlyonce/memory'
import { fakeRuntime, storeConformance } from 'onlyonce/testing'

/** Stands for your store: it keeps records in a memory store and counts the calls. */
function countingStore(runtime = fakeRuntime()) {
  const inner = memoryStore({ runtime })
  let calls = 0
  const store = {
    ...inner,
    name: 'counting',
    claim: (...args: Parameters<typeof inner.claim>) => {
      calls++
      return inner.claim(...args)
    },
  }
  return { store, runtime, calls: () => calls }
}

storeConformance(
  'counting',
  {
    // Called for every case: a store that is open, empty, and not used by another case.
    open: async () => {
      const { store, runtime } = countingStore()
      return { store, advance: (ms) => runtime.advance(ms), close: async () => store[Symbol.asyncDispose]() }
    },
  },
  { describe, it },
)
