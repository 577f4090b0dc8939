import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'
import { expect, it } from 'vitest'
import { run } from '../built.ts'
import { usersFile } from './users-file.ts'

const root = resolve(import.meta.dirname, '../..')
const folder = join(root, `.cache/crash-node-test-${process.pid}`)

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
    const onlyonce = './node_modules/onlyonce/dist/testing/crash/onlyonce.mjs'
    writeFileSync(file, usersFile('node:test', { testing: onlyonce, sqlite: onlyonce }))
    const startedAt = performance.now()
    const ran = run(process.execPath, ['--test', '--test-reporter=tap', file], folder)
    expect(ran.code).toBe(1)
    expect(ran.stdout).toMatch(/^ *ok 1 - repaired$/m)
    expect(ran.stdout).toMatch(/^ *not ok 2 - broken$/m)
    expect(ran.stdout).toMatch(/^ *ok 3 - hung$/m)
    expect(ran.stdout).toMatch(/^ *ok 4 - objects$/m)
    expect(ran.stdout).toMatch(/after {2}handlers\.test\.mjs:19 {2}await kit\.outside\('mail', n\)/)
    expect(ran.stdout).toMatch(/before handlers\.test\.mjs:20 {2}await kit\.sql/)
    // The lease of a process that was stopped is renewed after 200 s, and nothing may wait for that.
    expect(performance.now() - startedAt).toBeLessThan(60_000)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}, 120_000)
