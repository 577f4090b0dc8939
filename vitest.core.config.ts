import { defineConfig } from 'vitest/config'

// What Stryker runs for every mutant of src/core: the tests that say how the core behaves, without processes or files.
export default defineConfig({
  test: {
    include: ['src/core/**/*.test.ts', 'test/property/memory.test.ts'],
    exclude: ['**/node_modules/**'],
    setupFiles: ['test/short-properties.ts'],
    testTimeout: 20_000,
  },
})
