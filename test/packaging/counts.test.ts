import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'vitest'
import { vitestCounts, worthASecondLook } from '../../scripts/lib/counts.mjs'

const root = fileURLToPath(new URL('../../', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'onlyonce-counts-'))

/** A report as `vitest --reporter=json` writes it, of files with the results of their tests. */
function report(name: string, files: Record<string, readonly string[]>): string {
  const testResults = Object.entries(files).map(([path, tests]) => ({
    name: join(root, path),
    status: tests.length === 0 || tests.includes('failed') ? 'failed' : 'passed',
    assertionResults: tests.map((status) => ({ status })),
  }))
  const file = join(folder, `${name}.json`)
  writeFileSync(file, JSON.stringify({ testResults }))
  return file
}

test('counts every test, and a file that could not be loaded as one failure', () => {
  const file = report('all', {
    'src/core/a.test.ts': ['passed', 'passed', 'skipped'],
    'test/http/b.test.ts': ['failed', 'todo', 'pending'],
    'test/http/broken.test.ts': [],
  })
  assert.deepEqual(vitestCounts(file), { passed: 2, failed: 2, skipped: 3 })
})

test('a run without a readable report failed', () => {
  assert.deepEqual(vitestCounts(join(folder, 'none.json')), { passed: 0, failed: 1, skipped: 0 })
})

test('of files that ran again the second result counts, good or bad', () => {
  const first = report('first', {
    'test/http/a.test.ts': ['failed', 'passed'],
    'test/http/b.test.ts': ['failed'],
    'test/http/c.test.ts': ['passed'],
  })
  const second = report('second', { 'test/http/a.test.ts': ['passed', 'passed'], 'test/http/b.test.ts': ['failed'] })
  assert.deepEqual(vitestCounts(first, second), { passed: 3, failed: 1, skipped: 0 })
  assert.deepEqual(vitestCounts(first, join(folder, 'none.json')), { passed: 0, failed: 1, skipped: 0 })
})

test('a few files that wait for servers may be looked at again', () => {
  const file = report('few', { 'test/integration/a.test.ts': ['failed'], 'src/core/b.test.ts': ['passed'] })
  assert.deepEqual(worthASecondLook(file, 'FAIL'), ['test/integration/a.test.ts'])
})

test('a test that waits for nothing fails for good, and so do many and an error outside of tests', () => {
  const pure = report('pure', { 'test/property/a.test.ts': ['failed'], 'test/http/b.test.ts': ['failed'] })
  assert.deepEqual(worthASecondLook(pure, ''), [])
  const paths = ['a', 'b', 'c', 'd', 'e'].map((name) => `test/http/${name}.test.ts`)
  assert.deepEqual(
    worthASecondLook(report('many', Object.fromEntries(paths.map((path) => [path, ['failed']]))), ''),
    [],
  )
  const one = report('one', { 'test/http/a.test.ts': ['failed'] })
  assert.deepEqual(worthASecondLook(one, 'Tests 1 failed\n⎯⎯⎯⎯⎯ Unhandled Errors ⎯⎯⎯⎯⎯⎯\n'), [])
  assert.deepEqual(worthASecondLook(join(folder, 'none.json'), ''), [])
})
