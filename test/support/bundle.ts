import { basename, join, resolve } from 'node:path'
import { build } from 'esbuild'
import { BUNDLES } from './bundles.ts'

const root = join(import.meta.dirname, '../..')
let made = 0

/**
 * A source file, named from the root, as one file for a process of its own: Node 20 cannot strip types, and loading one
 * file is quick. `folder` has to be inside the project, where packages are found.
 */
export async function bundled(entry: string, folder = process.env[BUNDLES] ?? ''): Promise<string> {
  const outfile = join(folder, `${basename(entry, '.ts')}-${process.pid}-${++made}.mjs`)
  await build({
    entryPoints: [resolve(root, entry)],
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    outfile,
    logLevel: 'error',
  })
  return outfile
}
