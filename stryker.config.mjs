/** @type {import('@stryker-mutator/api/core').PartialStrykerOptions} */
export default {
  packageManager: 'npm',
  plugins: ['@stryker-mutator/vitest-runner'],
  testRunner: 'vitest',
  vitest: { configFile: 'vitest.core.config.ts', related: false },
  mutate: ['src/core/**/*.ts', '!src/core/**/*.test.ts'],
  // Each mutant runs only the tests that reach it, and mutants that only run at import time are left out:
  // they would need every test, in a new process each.
  coverageAnalysis: 'perTest',
  ignoreStatic: true,
  incremental: true,
  incrementalFile: '.cache/stryker-incremental.json',
  // Stryker rewrites the tsconfig through the classic compiler API, which TypeScript 7 does not have.
  // Nothing in the sandbox needs it: paths do not change and vitest only strips types.
  tsconfigFile: 'none',
  ignorePatterns: ['.ci', '.github', 'bench', 'demo', 'dist', 'docs', 'examples'],
  tempDirName: '.stryker-tmp',
  // More than there are processors: a worker waits for seconds where a mutation keeps a test from its end. So a test
  // that is only slower, beside three others, must not count as one of those.
  concurrency: 4,
  timeoutMS: 10_000,
  timeoutFactor: 2,
  reporters: ['clear-text', 'html'],
  htmlReporter: { fileName: 'reports/mutation.html' },
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  thresholds: { high: 98, low: 96, break: 95 },
}
