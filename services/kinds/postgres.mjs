import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { isPostgres } from '../lib/ask.mjs'
import { pathOf } from '../lib/installed.mjs'
import { freePort } from '../lib/ports.mjs'
import { giveTo, unprivileged } from '../lib/user.mjs'

const VERSIONS = '/usr/lib/postgresql'

/** Debian keeps each version in its own folder, which is not in PATH; the newest is used. */
const folders = () => {
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS).filter((name) => /^\d+$/.test(name)) : []
  return versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(VERSIONS, version, 'bin'))
}

export const POSTGRES = {
  commands: ['initdb', 'postgres'],
  packages: ['postgresql'],
  get folders() {
    return folders()
  },
}

/**
 * With fsync on, as in production. Never as root: PostgreSQL refuses.
 * @param {import('../lib/recipe.mjs').Home['server']} run
 * @param {string} dir
 */
export async function postgresServer(run, dir) {
  const user = unprivileged('postgres')
  const data = join(dir, 'data')
  mkdirSync(dir)
  giveTo(dir, user)
  const init = ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '-E', 'UTF8', '--locale=C']
  const ran = spawnSync(pathOf('initdb', POSTGRES), init, { cwd: dir, encoding: 'utf8', ...(user ?? {}) })
  if (ran.status !== 0) throw new Error(`initdb failed: ${ran.stderr}`)
  const port = await freePort()
  return run({
    name: 'postgres',
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    port,
    command: pathOf('postgres', POSTGRES),
    // No socket file: its folder may not be writable for us, and its path may be too long.
    args: ['-D', data, '-h', '127.0.0.1', '-p', String(port), '-k', '', '-c', 'max_connections=200'],
    dir,
    ...(user === undefined ? {} : { user }),
    fast: 'SIGINT',
    immediate: 'SIGQUIT',
    ready: () => isPostgres(port),
  })
}

/** @type {import('../lib/recipe.mjs').Recipe} */
export const postgres = {
  needs: POSTGRES,
  start: async (home) => (await postgresServer(home.server, join(home.dir, 'postgres'))).url,
}
