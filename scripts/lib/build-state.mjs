import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { distDir, root } from './paths.mjs'

/** Everything that `npm run build` reads. Contents, not times: a checkout or a restored cache changes all times. */
const inputs = ['src', 'demo', 'scripts/build.mjs', 'scripts/lib', 'tsconfig.base.json', 'tsconfig.build.json']
const moreInputs = ['package.json', 'package-lock.json']
const stampFile = join(distDir, '.stamp')

export function buildIsCurrent() {
  try {
    return readFileSync(stampFile, 'utf8') === sourceHash()
  } catch {
    return false
  }
}

/** Call it before the build and write it after: an edit during the build then causes another build. */
export function sourceHash() {
  const hash = createHash('sha256')
  for (const file of [...inputs, ...moreInputs].flatMap((path) => filesIn(join(root, path)))) {
    hash.update(relative(root, file).split(sep).join('/')).update('\0').update(readFileSync(file)).update('\0')
  }
  return hash.digest('hex')
}

/** @param {string} hash */
export function stampBuild(hash) {
  writeFileSync(stampFile, hash)
}

/**
 * Every file below, in one order on every machine; tests are not built.
 * @param {string} path
 * @returns {string[]}
 */
export function filesIn(path) {
  if (!existsSync(path)) return []
  try {
    const entries = readdirSync(path, { withFileTypes: true, recursive: true })
    const files = entries.filter((entry) => entry.isFile() && !entry.name.includes('.test.'))
    return files.map((entry) => join(entry.parentPath, entry.name)).sort()
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOTDIR') return [path]
    throw error
  }
}
