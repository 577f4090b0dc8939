// Installs the rivals, exactly as in the package-lock.json of their folder. They are not dependencies of onlyonce.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withLock } from '../../scripts/lib/lock.mjs'
import { root } from '../../scripts/lib/paths.mjs'

const here = new URL('./rivals/', import.meta.url)

/** @param {URL} [folder] */
export async function installRivals(folder = here) {
  await withLock('bench-vs', async () => {
    if (isInstalled(folder)) return
    const name = relative(root, fileURLToPath(folder))
    console.error(`onlyonce: installing the libraries to compare with (npm ci in ${name})`)
    const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    const ran = spawnSync('npm', args, { cwd: folder, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' })
    if (ran.status !== 0) throw new Error(`npm ci failed in ${name}; see above`)
  })
}

/** Whether every locked version is installed; optional ones may be absent. @param {URL} folder */
function isInstalled(folder) {
  const found = packages(new URL('node_modules/.package-lock.json', folder))
  const locked = Object.entries(packages(new URL('package-lock.json', folder)))
  return locked.every(([path, { version, optional, peer }]) => {
    if (path === '') return true
    return found[path] === undefined ? optional || peer : found[path].version === version
  })
}

/** @param {URL} url @returns {Record<string, { version?: string, optional?: boolean, peer?: boolean }>} */
function packages(url) {
  return existsSync(url) ? JSON.parse(readFileSync(url, 'utf8')).packages : {}
}

/** Returns the packages listed in package.json. @param {URL} folder @returns {string[]} */
export function rivalsIn(folder) {
  return Object.keys(JSON.parse(readFileSync(new URL('package.json', folder), 'utf8')).dependencies)
}

export const RIVALS = rivalsIn(here)
