import { defineConfig } from 'vitest/config'

// What Stryker runs for every mutant of src/core: the tests that say how the core behaves, without processes or files.
export default defineConfig({
  test: {
    include: ['src/core/**/*.test.ts', 'test/property/memory.test.ts'],
    exclude: ['**/node_modules/**'],
    setupFiles: ['test/short-properties.ts'],
    // No test here changes what another file reads. With a worker for each file a run takes nearly three times as long.
    isolate: false,
    // The longest takes half a second. One that a mutation keeps from its end fails, and the worker can go on: ended by
    // Stryker, at its own limit, it would have to be started again.
    testTimeout: 4_000,
  },
})
