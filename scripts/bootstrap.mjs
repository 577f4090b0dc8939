// Makes a fresh clone runnable with Node and npm alone: installs and builds when needed, then runs the given task. Only
// node:* imports here and in static imports: nothing else is installed yet.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { buildIsCurrent } from './lib/build-state.mjs'
import { installIsCurrent, npmCi } from './lib/install.mjs'
import { withLock } from './lib/lock.mjs'
import { requireNode } from './lib/node-version.mjs'
import { root } from './lib/paths.mjs'

/** @typedef {{ build: boolean, steps: readonly (readonly string[])[] }} Task */

const tsc = 'node_modules/typescript/bin/tsc'
const biome = 'node_modules/@biomejs/biome/bin/biome'

/** @type {Record<string, (args: string[]) => Task>} */
const tasks = {
  build: () => ({ build: true, steps: [] }),
  test: (args) => ({ build: true, steps: [['node_modules/vitest/vitest.mjs', 'run', ...args]] }),
  demo: (args) => ({ build: true, steps: [['dist/demo/orders/main.js', ...args]] }),
  check: (args) => ({ build: true, steps: [['scripts/check.mjs', ...args]] }),
  simulate: (args) => ({ build: true, steps: [['scripts/simulate.mjs', ...args]] }),
  chaos: (args) => ({ build: true, steps: [['scripts/chaos.mjs', ...args]] }),
  conformance: (args) => ({ build: false, steps: [['scripts/conformance.mjs', ...args]] }),
  'conformance:messaging': (args) => ({ build: false, steps: [['scripts/messaging-conformance.mjs', ...args]] }),
  mutants: (args) => ({ build: true, steps: [['scripts/mutants.mjs', ...args]] }),
  services: (args) => ({ build: false, steps: [['services/index.mjs', ...args]] }),
  bench: (args) => ({ build: true, steps: [['bench/run.mjs', ...args]] }),
  'bench:stores': (args) => ({ build: true, steps: [['bench/stores/run.mjs', ...args]] }),
  'bench:vs': (args) => ({ build: true, steps: [['bench/vs/run.mjs', ...args]] }),
  'bench:http': (args) => ({ build: true, steps: [['bench/http/run.mjs', ...args]] }),
  'bench:messaging': (args) => ({ build: true, steps: [['bench/messaging/run.mjs', ...args]] }),
  'bench:instructions': (args) => ({ build: true, steps: [['bench/instructions/run.mjs', ...args]] }),
  mutate: (args) => ({ build: false, steps: [['node_modules/@stryker-mutator/core/bin/stryker.js', 'run', ...args]] }),
  lint: (args) => ({ build: false, steps: [[biome, 'ci', ...(args.length > 0 ? args : ['.'])]] }),
  format: (args) => ({ build: false, steps: [[biome, 'check', '--write', ...(args.length > 0 ? args : ['.'])]] }),
  types: (args) => ({
    build: true, // scripts, bench and examples import the built package
    steps: [
      [tsc, '-p', 'tsconfig.json', ...args],
      [tsc, '-p', 'tsconfig.scripts.json', ...args],
    ],
  }),
}

/** Runs Node on one of our files with this terminal's stdin and stdout; resolves to its exit code. @param {readonly string[]} argv */
function runNode(argv) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, argv, { cwd: root, stdio: 'inherit', env: withLocalBin() })
    // Ctrl-C reaches the whole process group; the child decides how to end, and we report what it did.
    for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) process.on(signal, () => child.kill(signal))
    child.on('error', (error) => {
      console.error(`onlyonce: cannot start ${argv[0]}: ${error.message}`)
      resolve(1)
    })
    child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGTERM']))
  })
}

function withLocalBin() {
  const separator = process.platform === 'win32' ? ';' : ':'
  return { ...process.env, PATH: `${join(root, 'node_modules', '.bin')}${separator}${process.env.PATH ?? ''}` }
}

async function prepare(/** @type {boolean} */ build) {
  if (installIsCurrent() && (!build || buildIsCurrent())) return
  await withLock('bootstrap', async () => {
    if (!installIsCurrent()) npmCi()
    if (build && !buildIsCurrent()) {
      const { buildAll } = await import('./build.mjs')
      await buildAll()
    }
  })
}

async function main() {
  requireNode()
  const [name = '', ...args] = process.argv.slice(2)
  const task = Object.hasOwn(tasks, name) ? tasks[name]?.(args) : undefined
  if (task === undefined) {
    console.error(`onlyonce: unknown task ${JSON.stringify(name)}; use one of ${Object.keys(tasks).join(', ')}`)
    return 2
  }
  await prepare(task.build)
  for (const argv of task.steps) {
    const file = argv[0] ?? ''
    if (!existsSync(join(root, file))) {
      console.error(`onlyonce: ${name} needs ${file}, which does not exist`)
      return 1
    }
    const code = await runNode(argv)
    if (code !== 0) return code
  }
  return 0
}

main().then(
  (code) => {
    process.exitCode = code
  },
  (error) => {
    console.error(`onlyonce: ${error instanceof Error ? error.message : error}`)
    process.exitCode = 1
  },
)
