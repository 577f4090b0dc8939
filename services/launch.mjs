// One private server or small cluster of any kind, on free ports of 127.0.0.1, with its own data folders.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { kinds } from './kinds/index.mjs'
import { guarded } from './lib/guarded.mjs'
import { MissingServer, requireInstalled } from './lib/installed.mjs'
import { requireJars } from './lib/jars.mjs'
import { keepLogs } from './lib/logs.mjs'
import { createServer } from './lib/server.mjs'

export { keepLogs, MissingServer }

/** @typedef {import('./launch.d.mts').Kind} Kind */
/** @typedef {import('./launch.d.mts').LaunchOptions} LaunchOptions */

/** Another process may take a port between our check and the server's bind. */
const TRIES = 3

export const KINDS = /** @type {Kind[]} */ (Object.keys(kinds))

/** @param {Kind} kind */
export function variableOf(kind) {
  return `ONLYONCE_TEST_${kind.toUpperCase().replaceAll('-', '_')}_URL`
}

/** @param {Kind} kind */
export async function requireServer(kind) {
  const { needs } = kinds[kind]
  await requireInstalled(kind, needs)
  if (needs.jars !== undefined) await requireJars(needs.jars)
}

/** @param {Kind} kind @param {LaunchOptions} [options] @returns {Promise<import('./launch.d.mts').LaunchedService>} */
export async function launch(kind, options = {}) {
  const recipe = kinds[kind]
  if (recipe === undefined)
    throw new Error(`there is no service ${JSON.stringify(kind)}; use one of ${KINDS.join(', ')}`)
  await requireServer(kind)
  for (let tries = 1; ; tries++) {
    try {
      return await start(kind, recipe, options)
    } catch (error) {
      if (tries === TRIES) throw error
    }
  }
}

/** @param {Kind} kind @param {import('./lib/recipe.mjs').Recipe} recipe @param {LaunchOptions} options */
async function start(kind, recipe, { args = [] }) {
  const dir = mkdtempSync(join(tmpdir(), `onlyonce-${kind}-`))
  // A server that must not run as root needs access to its own folder below this one.
  chmodSync(dir, 0o711)
  const guard = guarded()
  guard.folder(dir)
  /** @type {import('./lib/server.mjs').Server[]} */
  const servers = []
  /** @type {import('./lib/server.mjs').Server[]} */
  const helpers = []
  /** @type {Promise<void> | undefined} */
  let stopping
  const stop = () => {
    stopping ??= (async () => {
      await Promise.all([...servers, ...helpers].map((server) => server.kill('SIGKILL')))
      rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
      guard.done(dir)
    })()
    return stopping
  }
  /** @param {import('./lib/server.mjs').Server[]} list @param {import('./lib/recipe.mjs').ServerSpec} spec */
  const run = async (list, spec) => {
    const server = createServer(spec, guard)
    list.push(server)
    await server.start()
    return server
  }
  try {
    const url = await recipe.start({
      dir,
      args,
      server: (spec) => run(servers, { ...spec, args: [...spec.args, ...args] }),
      helper: (spec) => run(helpers, spec),
    })
    const restart = async (/** @type {import('./launch.d.mts').RestartMode | undefined} */ mode) => {
      for (const server of servers) await server.restart(mode)
    }
    const keep = async () => {
      for (const { pid } of [...servers, ...helpers]) guard.forget(pid)
      guard.done(dir)
      await guard.told()
    }
    return { kind, url, dir, processes: servers, helpers, restart, stop, keep }
  } catch (error) {
    const kept = keepLogs(kind, dir)
    await stop()
    if (error instanceof Error) error.message += `\n(all logs: ${kept})`
    throw error
  }
}
