import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'dist/**', '.cache/**', '.stryker-tmp/**'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    reporters: ['default'],
    typecheck: { enabled: false, include: ['test/types/**/*.test-d.ts'] },
  },
})
