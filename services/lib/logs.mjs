import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { cacheDir } from '../../scripts/lib/paths.mjs'

/**
 * Copies the logs below a service's folder to a place that outlives it, replacing those of the previous failure of this
 * kind. Returns that place.
 * @param {string} kind
 * @param {string} dir
 */
export function keepLogs(kind, dir) {
  const kept = join(cacheDir, 'services', 'logs', kind)
  rmSync(kept, { recursive: true, force: true })
  mkdirSync(kept, { recursive: true })
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.log'))
  for (const name of files) {
    // Some servers name their data files *.log too.
    if (!/(^|\/)(data|store|tmp)\//.test(name)) copyFileSync(join(dir, name), join(kept, basename(name)))
  }
  return kept
}
