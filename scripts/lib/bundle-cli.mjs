import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { root } from './paths.mjs'

/** Packages that may be bundled into the CLI. All others stay imports, which the packaging test reports. */
const bundled = ['commander', 'picocolors']

const cliDir = join(root, 'src', 'cli')

/**
 * One file, dist/cli/main.js, in place of what tsc wrote there.
 * @param {string} outDir
 */
export async function bundleCli(outDir) {
  const esbuild = await import('esbuild') // not at the top: the bootstrap imports this folder's files before npm ci
  const hasShebang = readFileSync(join(cliDir, 'main.ts'), 'utf8').startsWith('#!')
  const outfile = join(outDir, 'cli', 'main.js')
  rmSync(join(outDir, 'cli'), { recursive: true, force: true })
  const result = await esbuild.build({
    entryPoints: [join(cliDir, 'main.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    metafile: true,
    logLevel: 'warning',
    absWorkingDir: root,
    // commander is CommonJS: its `require('node:events')` needs a real require.
    banner: {
      js: `${hasShebang ? '' : '#!/usr/bin/env node\n'}import { createRequire as __createRequire } from 'node:module'
const require = __createRequire(import.meta.url)`,
    },
    plugins: [libraryStaysOutside],
  })
  chmodSync(outfile, 0o755)
  writeFileSync(join(outDir, 'THIRD-PARTY-LICENSES.txt'), licences(Object.keys(result.metafile.inputs)))
}

/** Library code is imported from dist, so that it exists once per process. @type {import('esbuild').Plugin} */
const libraryStaysOutside = {
  name: 'library-stays-outside',
  setup(build) {
    build.onResolve({ filter: /.*/ }, ({ path, resolveDir, kind }) => {
      if (kind === 'entry-point' || !resolveDir.startsWith(cliDir)) return undefined
      if (path.startsWith('.')) {
        const target = relative(cliDir, join(resolveDir, path)).split(sep).join('/')
        return target.startsWith('../') ? { path: target.replace(/\.ts$/, '.js'), external: true } : undefined
      }
      return bundled.includes(path) ? undefined : { path, external: true }
    })
  },
}

/** @param {string[]} inputs */
function licences(inputs) {
  const names = new Set(inputs.flatMap((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []))
  const texts = [...names].sort().map((name) => {
    const dir = dirname(join(root, 'node_modules', name, 'package.json'))
    const { version, license } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'))
    const file = readdirSync(dir).find((entry) => /^licen[cs]e/i.test(entry))
    if (file === undefined) throw new Error(`${name} has no licence file to ship`)
    return `${name} ${version} (${license})\n\n${readFileSync(join(dir, file), 'utf8').trim()}\n`
  })
  return `cli/main.js contains the following packages.\n\n${texts.join(`\n${'-'.repeat(80)}\n\n`)}`
}
