import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { isRedis } from '../lib/ask.mjs'
import { pathOf } from '../lib/installed.mjs'
import { freePort } from '../lib/ports.mjs'

export const REDIS = { commands: ['redis-server'], packages: ['redis-server'] }

/** Nothing is kept on disk. @type {import('../lib/recipe.mjs').Recipe} */
export const redis = { needs: REDIS, start: async (home) => (await redisServer(home, 'redis')).url }

/** Every write is on disk before it is answered. @type {import('../lib/recipe.mjs').Recipe} */
export const redisAof = {
  needs: REDIS,
  start: async (home) => (await redisServer(home, 'redis-aof', ['--appendonly', 'yes', '--appendfsync', 'always'])).url,
}

/**
 * @param {import('../lib/recipe.mjs').Home} home
 * @param {string} name
 * @param {readonly string[]} [args]
 * @param {number} [givenPort]
 */
export async function redisServer(home, name, args = ['--appendonly', 'no'], givenPort) {
  const port = givenPort ?? (await freePort())
  const dir = join(home.dir, name)
  mkdirSync(dir)
  return home.server({
    name,
    url: `redis://127.0.0.1:${port}`,
    port,
    command: pathOf('redis-server', REDIS),
    // `--save` with an empty value: no snapshots.
    args: ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', '', ...args],
    dir,
    ready: () => isRedis(port),
  })
}
