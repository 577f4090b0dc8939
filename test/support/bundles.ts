import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** The variable with the folder for what `bundled` makes, set for the workers of the run. */
export const BUNDLES = 'ONLYONCE_TEST_BUNDLES'

/** No run takes as long: what is older was left by one that was killed. */
const A_DAY_MS = 86_400_000

/** One folder for the whole run: a worker of vitest is ended without a chance to remove its own. */
export default function setup(): () => void {
  const cache = join(import.meta.dirname, '../../.cache')
  mkdirSync(cache, { recursive: true })
  for (const name of readdirSync(cache)) {
    const left = join(cache, name)
    if (name.startsWith('bundles-') && Date.now() - statSync(left).mtimeMs > A_DAY_MS) rmSync(left, { recursive: true })
  }
  const folder = mkdtempSync(join(cache, 'bundles-'))
  process.env[BUNDLES] = folder
  return () => rmSync(folder, { recursive: true, force: true })
}
