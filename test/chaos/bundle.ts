import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

/** The worker as one file that imports the built package by name, as users do. Answers its path; it goes with this process. */
export async function bundleWorker(root: string): Promise<string> {
  // Inside the project, so that the packages are found from there.
  mkdirSync(join(root, '.cache'), { recursive: true })
  const folder = mkdtempSync(join(root, '.cache', 'chaos-worker-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const outfile = join(folder, 'worker.mjs')
  await build({
    entryPoints: [join(root, 'test/chaos/worker.ts')],
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    outfile,
    logLevel: 'error',
  })
  return outfile
}
