// dist/ from src/ (plain tsc), the CLI with its two libraries bundled in, and the demo compiled against the result.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { filesIn, sourceHash, stampBuild } from './lib/build-state.mjs'
import { bundleCli } from './lib/bundle-cli.mjs'
import { sourceImportsToJs } from './lib/declarations.mjs'
import { cacheDir, distDir, root } from './lib/paths.mjs'

export async function buildAll() {
  const start = Date.now()
  const hash = sourceHash()
  // Built in a separate folder and moved in as a whole, so that a broken source keeps the last good dist, and nobody
  // ever runs half a build.
  const stage = join(cacheDir, `build-${process.pid}`)
  rmSync(stage, { recursive: true, force: true })
  mkdirSync(stage, { recursive: true })
  try {
    tsc('tsconfig.build.json', '--outDir', stage)
    for (const file of filesIn(stage)) if (file.endsWith('.d.ts')) sourceImportsToJs(file)
    if (existsSync(join(root, 'src/cli/main.ts'))) await bundleCli(stage)
    for (const file of filesIn(join(root, 'src'))) {
      if (/\.(sql|lua)$/.test(file)) cpSync(file, join(stage, relative(join(root, 'src'), file)))
    }
    replace(distDir, stage)
    if (existsSync(join(root, 'demo/tsconfig.json'))) buildDemo(stage)
  } finally {
    rmSync(stage, { recursive: true, force: true })
  }
  stampBuild(hash)
  console.error(`onlyonce: built in ${((Date.now() - start) / 1000).toFixed(1)} s`)
}

/** After the library: the demo imports `onlyonce` by name, as users do, and so needs dist. @param {string} stage */
function buildDemo(stage) {
  tsc('demo/tsconfig.json', '--noEmit', 'false', '--outDir', stage, '--rootDir', 'demo')
  for (const dir of readdirSync(join(root, 'demo'), { withFileTypes: true, recursive: true })) {
    if (!dir.isDirectory() || dir.name !== 'data') continue
    const from = join(dir.parentPath, dir.name)
    const to = join(stage, relative(join(root, 'demo'), from))
    for (const name of readdirSync(from).filter((name) => name.endsWith('.csv') || name.startsWith('README'))) {
      mkdirSync(to, { recursive: true })
      cpSync(join(from, name), join(to, name))
    }
  }
  replace(join(distDir, 'demo'), stage)
}

/** @param {string} target @param {string} stage */
function replace(target, stage) {
  const old = `${stage}-old`
  mkdirSync(dirname(target), { recursive: true })
  if (existsSync(target)) renameSync(target, old)
  renameSync(stage, target)
  rmSync(old, { recursive: true, force: true })
}

/** @param {string} project @param {string[]} args */
function tsc(project, ...args) {
  const bin = join(root, 'node_modules/typescript/bin/tsc')
  const ran = spawnSync(process.execPath, [bin, '-p', project, ...args], { cwd: root, stdio: ['ignore', 2, 2] })
  if (ran.status !== 0) throw new Error(`the build failed: ${project} does not compile`)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await buildAll()
