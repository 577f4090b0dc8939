import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, totalmem } from 'node:os'

/** What results depend on besides the code. */
export function machine() {
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    cpu: `${cpus().length} × ${cpus()[0]?.model.trim()}`,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${process.arch}`,
  }
}

/** Returns the versions of installed packages, resolved from the file `from`. @param {readonly string[]} names @param {string} from */
export function versionsOf(names, from) {
  const require = createRequire(from)
  return Object.fromEntries(names.map((name) => [name, versionOf(name, require)]))
}

/** By folder: a package need not export its package.json. @param {string} name @param {NodeJS.Require} require */
function versionOf(name, require) {
  for (const folder of require.resolve.paths(name) ?? []) {
    try {
      return JSON.parse(readFileSync(`${folder}/${name}/package.json`, 'utf8')).version
    } catch {
      // Not in this one.
    }
  }
  return undefined
}
