// All checks besides the tests of behaviour: one line per check, details only for failures. `--report <file>` writes
// the same as JSON, for CI.
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { readArguments } from './lib/arguments.mjs'
import { root } from './lib/paths.mjs'

const bin = {
  biome: 'node_modules/@biomejs/biome/bin/biome',
  tsc: 'node_modules/typescript/bin/tsc',
  vitest: 'node_modules/vitest/vitest.mjs',
  publint: 'node_modules/publint/src/cli.js',
  attw: 'node_modules/@arethetypeswrong/cli/dist/index.js',
}

/** @type {readonly (readonly [name: string, ...argv: string[]])[]} */
const checks = [
  ['format and lint', bin.biome, 'ci', '--colors=off', '.'],
  ['types', bin.tsc, '-p', 'tsconfig.json'],
  ['types of scripts', bin.tsc, '-p', 'tsconfig.scripts.json'],
  ['architecture', bin.vitest, 'run', 'test/architecture'],
  ['packaging', bin.vitest, 'run', 'test/packaging'],
  ['docs and examples', bin.vitest, 'run', 'test/docs'],
  ['publint', bin.publint, '--strict'],
  ['are the types wrong', bin.attw, '--pack', '.', '--profile', 'esm-only', '--no-emoji', '--no-color'],
]

/** @param {string[]} argv @returns {Promise<{ code: number | null, output: string }>} */
function run(argv) {
  return new Promise((resolve) => {
    const env = { ...process.env, NO_COLOR: '1' }
    const child = spawn(process.execPath, argv, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
    child.on('error', (error) => resolve({ code: 1, output: String(error) }))
    child.on('close', (code) => resolve({ code, output }))
  })
}

const { values } = readArguments({ options: { report: { type: 'string' } } })
const results = []
for (const [name, ...argv] of checks) {
  const start = Date.now()
  const { code, output } = await run(argv)
  const seconds = ((Date.now() - start) / 1000).toFixed(1)
  const ok = code === 0
  results.push({ name, ok, seconds: Number(seconds) })
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name.padEnd(20)} ${seconds.padStart(6)} s`)
  if (!ok) console.log(output.trimEnd().replace(/^/gm, '     | '))
}
const failed = results.filter((result) => !result.ok).length
console.log(failed === 0 ? `all ${results.length} checks passed` : `${failed} of ${results.length} checks failed`)
if (values.report !== undefined) writeFileSync(values.report, JSON.stringify(results, null, 2))
process.exitCode = failed === 0 ? 0 : 1
