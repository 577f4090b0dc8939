import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'
import { expect, it } from 'vitest'
import { run } from '../built.ts'

const root = resolve(import.meta.dirname, '../..')
const folder = join(root, `.cache/crash-node-test-${process.pid}`)

/** The file of a user. Lines 19 and 20 are the two writes without a transaction. */
const TEST = `import { test } from 'node:test'
import { crashEverywhere, sqliteStore } from './onlyonce.mjs'

const options = {
  store: () => sqliteStore({ path: ':memory:' }),
  setup: ({ sql }) => sql('CREATE TABLE rows (n INTEGER)'),
  message: 1,
}
test('repaired', async () => {
  const handler = async (n, kit) => {
    await kit.once({ scope: 'x', leaseMs: 600_000 })(String(n), (op) =>
      kit.outside('pay', n, op.child('pay')))
  }
  const report = await crashEverywhere(handler, options)
  report.assertClean()
})
test('broken', async () => {
  const report = await crashEverywhere(async (n, kit) => {
    await kit.outside('mail', n)
    await kit.sql('INSERT INTO rows VALUES (?)', n)
  }, options)
  report.assertClean()
})
test('hung', async () => {
  const hangs = () => new Promise(() => {})
  const { findings } = await crashEverywhere(hangs, { ...options, handlerTimeoutMs: 20, maxDeliveries: 1 })
  if (!/its handler never ended/.test(findings[0]?.what)) throw new Error('not found')
})
`

it('works under node:test as well, names the lines there, and keeps the process no longer than the tests', async () => {
  mkdirSync(folder, { recursive: true })
  try {
    await build({
      stdin: {
        contents: `export { crashEverywhere } from './src/testing/crash-everywhere/index.ts'
          export { sqliteStore } from './src/stores/sqlite/index.ts'`,
        resolveDir: root,
      },
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      external: ['libsql', 'better-sqlite3'],
      // Where the package is when it is installed: its own frames are known by their folder.
      outfile: join(folder, 'node_modules/onlyonce/dist/testing/crash/onlyonce.mjs'),
      logLevel: 'error',
    })
    const file = join(folder, 'handlers.test.mjs')
    writeFileSync(file, TEST.replace('./onlyonce.mjs', './node_modules/onlyonce/dist/testing/crash/onlyonce.mjs'))
    const startedAt = performance.now()
    const ran = run(process.execPath, ['--test', '--test-reporter=tap', file], folder)
    expect(ran.code).toBe(1)
    expect(ran.stdout).toMatch(/^ *ok 1 - repaired$/m)
    expect(ran.stdout).toMatch(/^ *not ok 2 - broken$/m)
    expect(ran.stdout).toMatch(/^ *ok 3 - hung$/m)
    expect(ran.stdout).toMatch(/after {2}handlers\.test\.mjs:19 {2}await kit\.outside\('mail', n\)/)
    expect(ran.stdout).toMatch(/before handlers\.test\.mjs:20 {2}await kit\.sql/)
    // The lease of a process that was stopped is renewed after 200 s, and nothing may wait for that.
    expect(performance.now() - startedAt).toBeLessThan(60_000)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}, 120_000)
