import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'dist/**', '.cache/**', '.stryker-tmp/**'],
    // A test that waits says itself for how long; these are for a machine that is slow and loaded.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
    // Of tests that say they may: stores on a server are tested by sleeping, which many can do at once.
    maxConcurrency: 20,
    // Once for the whole run: the servers that tests ask for, and a folder for the processes that they start.
    globalSetup: ['test/support/global-setup.ts', 'test/support/bundles.ts'],
    reporters: ['default'],
    typecheck: { enabled: false, include: ['test/types/**/*.test-d.ts'] },
  },
})
