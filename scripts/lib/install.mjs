import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './paths.mjs'

/** Native binaries differ by platform; the ABI number changes with every major version of Node. */
const stampFile = join(root, 'node_modules', '.onlyonce-stamp')
const stamp = `${process.platform}-${process.arch}-abi${process.versions.modules}`

/** Whether node_modules holds exactly what package-lock.json lists, for this Node. */
export function installIsCurrent() {
  const wanted = packages('package-lock.json')
  const found = packages('node_modules/.package-lock.json')
  if (wanted === undefined || found === undefined) return false
  for (const [path, entry] of Object.entries(wanted)) {
    // Binaries for other platforms are listed in the lockfile and never installed.
    const mayBeAbsent = path === '' || entry.optional || entry.devOptional || entry.peer
    if (found[path] === undefined ? !mayBeAbsent : found[path].version !== entry.version) return false
  }
  if (Object.keys(found).some((path) => wanted[path] === undefined)) return false
  return readStamp() === stamp
}

/** npm's output goes to stderr: `npm run --silent demo -- --json` must print only JSON. */
export function npmCi() {
  console.error('onlyonce: installing development dependencies (npm ci), about half a minute')
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--include=dev', '--include=optional']
  args.push('--loglevel=error') // otherwise `npm run --silent` would hide why it failed
  const npmCli = process.env.npm_execpath ?? ''
  // If npm started us, its own file is used, so that the same npm and Node install.
  const direct = /npm-cli\.[cm]?js$/.test(npmCli)
  const ran = direct
    ? spawnSync(process.execPath, [npmCli, ...args], { cwd: root, stdio: ['ignore', 2, 2] })
    : spawnSync('npm', args, { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' })
  if (ran.status !== 0) throw new Error(`npm ci failed${ran.error ? `: ${ran.error.message}` : ''}; see above`)
  writeFileSync(stampFile, stamp)
}

/** There is no stamp after a manual `npm ci`; then this Node is assumed to have installed. */
function readStamp() {
  try {
    return readFileSync(stampFile, 'utf8')
  } catch {
    try {
      writeFileSync(stampFile, stamp)
    } catch {
      return undefined
    }
    return stamp
  }
}

/**
 * @param {string} file
 * @returns {Record<string, { version?: string, optional?: boolean, devOptional?: boolean, peer?: boolean }> | undefined}
 */
function packages(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8')).packages
  } catch {
    return undefined
  }
}
