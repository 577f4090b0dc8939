import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'dist/**', '.cache/**', '.stryker-tmp/**'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // Of tests that say they may: stores on a server are tested by sleeping, which many can do at once.
    maxConcurrency: 20,
    // Starts the servers that tests ask for, once for the whole run.
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default'],
    typecheck: { enabled: false, include: ['test/types/**/*.test-d.ts'] },
  },
})
