import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { root } from '../built.ts'

const SCRIPTS = [
  'bench/run.mjs',
  'bench/stores/run.mjs',
  'scripts/chaos.mjs',
  'scripts/check.mjs',
  'scripts/conformance.mjs',
  'scripts/http-conformance.mjs',
  'scripts/messaging-conformance.mjs',
  'scripts/mutants.mjs',
  'scripts/simulate.mjs',
  'services/index.mjs',
]

const run = (script: string, ...given: readonly string[]) =>
  spawnSync(process.execPath, [join(root, script), ...given], { cwd: root, encoding: 'utf8' })

it.each(SCRIPTS)('%s says how it is used, and what it does not know', (script) => {
  const helped = run(script, '--help')
  expect(helped).toMatchObject({ status: 0, stdout: expect.stringContaining('usage: '), stderr: '' })
  const wrong = run(script, '--frobnicate')
  expect(wrong).toMatchObject({ status: 2, stdout: '' })
  expect(wrong.stderr).toContain("Unknown option '--frobnicate'")
  expect(wrong.stderr).toContain('usage: ')
  expect(wrong.stderr).not.toContain('    at ')
})

it.each([
  ['scripts/mutants.mjs', '--jobs', 'x', 'mutants: --jobs must be a positive integer; got x'],
  ['scripts/mutants.mjs', '--jobs', '0', 'mutants: --jobs must be a positive integer; got 0'],
  ['scripts/messaging-conformance.mjs', 'frob', '--write', 'messaging-conformance: frob is no broker'],
  ['scripts/messaging-conformance.mjs', 'kafka', '--write', 'cannot be given with --write: the page is of all brokers'],
])('%s %s %s does nothing, and says so', (script, first, second, message) => {
  const { status, stderr } = run(script, first, second)
  expect(stderr).toContain(message)
  expect(status).toBeGreaterThan(0)
})
