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
  ['scripts/simulate.mjs', '--seeds', '1e3', 'simulate: --seeds must be a positive integer; got 1e3'],
  ['scripts/chaos.mjs', '--seconds', '', 'chaos: --seconds must be a positive integer; got'],
  ['scripts/chaos.mjs', '--store', 'frob', 'chaos: --store must be one of sqlite, '],
  ['bench/run.mjs', '--seconds', 'x', 'bench: --seconds must be a number of seconds, such as 0.4; got x'],
  ['bench/run.mjs', '--only', 'frob', 'bench: --only frob is in no name of a case; there are '],
  ['bench/stores/run.mjs', '--sweep', 'x', 'bench:stores: --sweep must be an integer from 0 on; got x'],
  ['bench/stores/run.mjs', '--sizes', '1,,2', 'bench:stores: --sizes must be a positive integer; got'],
  ['bench/stores/run.mjs', '--only', 'frob', "in no name of a case; the sections are 'redis: ', "],
  ['scripts/messaging-conformance.mjs', 'frob', '--write', 'messaging-conformance: frob is no broker'],
  ['scripts/messaging-conformance.mjs', 'kafka', '--write', 'cannot be given with --write: the page is of all brokers'],
])('%s %s %s does nothing, and says so', (script, first, second, message) => {
  const { status, stderr } = run(script, first, second)
  expect(stderr).toContain(message)
  expect(status).toBeGreaterThan(0)
})
