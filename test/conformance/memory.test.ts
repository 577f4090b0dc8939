import { describe, it } from 'vitest'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { fakeRuntime, storeConformance } from '../../src/testing/index.ts'

storeConformance(
  'memory',
  {
    async open() {
      const runtime = fakeRuntime()
      const store = memoryStore({ runtime })
      return { store, advance: runtime.advance, close: () => store[Symbol.asyncDispose]() }
    },
  },
  { describe, it },
)
