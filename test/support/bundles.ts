import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** The variable with the folder for what `bundled` makes, set for the workers of the run. */
export const BUNDLES = 'ONLYONCE_TEST_BUNDLES'

/** One folder for the whole run: a worker of vitest is ended without a chance to remove its own. */
export default function setup(): () => void {
  const cache = join(import.meta.dirname, '../../.cache')
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'bundles-'))
  process.env[BUNDLES] = folder
  return () => rmSync(folder, { recursive: true, force: true })
}
