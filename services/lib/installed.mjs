// Finds the commands of a server; on Debian, as root, installs them.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { withLock } from '../../scripts/lib/lock.mjs'

export class MissingServer extends Error {}

const SYSTEM_FOLDERS = ['/usr/local/bin', '/usr/bin', '/usr/sbin', '/bin', '/sbin', '/opt/homebrew/bin']

/** @param {string} kind @param {import('./recipe.mjs').Needs} needs */
export async function requireInstalled(kind, needs) {
  if (missing(needs).length === 0) return
  await installPackages(needs.packages, () => missing(needs).length === 0)
  const still = missing(needs)
  if (still.length === 0) return
  throw new MissingServer(
    `${kind} needs ${still.join(', ')}, which is not installed: on Debian or Ubuntu run \`apt-get install ` +
      `${needs.packages.join(' ')}\` as root, or start one with services/compose.yaml and give its URL`,
  )
}

/**
 * Installs packages, on Debian as root; elsewhere does nothing.
 * @param {readonly string[]} packages
 * @param {() => boolean} [enough] Whether another process has just installed them.
 */
export async function installPackages(packages, enough = () => false) {
  await withLock('services-install', async () => {
    if (!enough() && isDebianRoot()) install(packages)
  })
}

/** Returns the full path of a command. @param {string} name @param {import('./recipe.mjs').Needs} needs */
export function find(name, { folders = [] }) {
  const places = [...folders, ...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_FOLDERS]
  return places.map((folder) => join(folder, name)).find(isExecutable)
}

/** @param {string} name @param {import('./recipe.mjs').Needs} needs */
export function pathOf(name, needs) {
  const path = find(name, needs)
  if (path === undefined) throw new MissingServer(`${name} is not installed`)
  return path
}

/** @param {import('./recipe.mjs').Needs} needs */
function missing(needs) {
  return needs.commands.filter((name) => find(name, needs) === undefined)
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function isDebianRoot() {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version') && existsSync('/usr/bin/apt-get')
}

/** @param {readonly string[]} packages */
function install(packages) {
  console.error(`onlyonce: installing ${packages.join(' ')}`)
  // Debian starts a server that it installs, except in runlevel 1; only this launcher may start them.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  for (const argv of [['update'], ['install', '-y', '--no-install-recommends', ...packages]]) {
    const ran = spawnSync('apt-get', argv, { env, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' })
    if (ran.status !== 0) console.error(`onlyonce: apt-get ${argv[0]} failed: ${ran.stderr.trim().slice(-400)}`)
  }
}
