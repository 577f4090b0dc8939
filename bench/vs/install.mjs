// The rivals, exactly as rivals/package-lock.json says. They are no dependencies of onlyonce.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { withLock } from '../../scripts/lib/lock.mjs'

const here = new URL('./rivals/', import.meta.url)

export async function installRivals() {
  await withLock('bench-vs', async () => {
    if (isInstalled()) return
    console.error('onlyonce: installing the libraries to compare with (npm ci in bench/vs/rivals)')
    const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    const ran = spawnSync('npm', args, { cwd: here, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' })
    if (ran.status !== 0) throw new Error('npm ci failed in bench/vs/rivals; see above')
  })
}

/** Every version as locked; what is optional may be absent. */
function isInstalled() {
  const found = packages('node_modules/.package-lock.json')
  const locked = Object.entries(packages('package-lock.json'))
  return locked.every(([path, { version, optional, peer }]) => {
    if (path === '') return true
    return found[path] === undefined ? optional || peer : found[path].version === version
  })
}

/** @param {string} file @returns {Record<string, { version?: string, optional?: boolean, peer?: boolean }>} */
function packages(file) {
  const url = new URL(file, here)
  return existsSync(url) ? JSON.parse(readFileSync(url, 'utf8')).packages : {}
}

/** The packages that were asked for by name. */
export const RIVALS = Object.keys(JSON.parse(readFileSync(new URL('package.json', here), 'utf8')).dependencies)
