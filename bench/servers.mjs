// The servers under test: private ones, started on first use, ended with the run.
import { launch } from '../services/launch.mjs'

/**
 * @typedef {import('../services/launch.d.mts').Kind} Kind
 * @typedef {{ url: string, port: number, pids: readonly number[] }} Server
 * @typedef {ReturnType<typeof openServers>} Servers
 */

export function openServers() {
  /** @type {Map<string, Promise<import('../services/launch.d.mts').LaunchedService>>} */
  const started = new Map()
  /** @type {Set<Kind>} */
  const used = new Set()
  return {
    /** One server per kind and command line. @param {Kind} kind @param {readonly string[]} [args] @returns {Promise<Server>} */
    async get(kind, args = []) {
      const name = [kind, ...args].join(' ')
      used.add(kind)
      const service = started.get(name) ?? launch(kind, { args })
      started.set(name, service)
      const { url, processes } = await service
      return { url, port: processes[0]?.port ?? 0, pids: processes.map(({ pid }) => pid) }
    },
    /** Whether a server of that kind was used. @param {Kind} kind */
    wasUsed: (kind) => used.has(kind),
    /** Ends a server, so that its data and background work disturb nothing else. @param {Kind} kind @param {readonly string[]} [args] */
    async stop(kind, args = []) {
      const name = [kind, ...args].join(' ')
      await (await started.get(name))?.stop()
      started.delete(name)
    },
    async close() {
      const services = await Promise.allSettled(started.values())
      await Promise.all(services.map((one) => (one.status === 'fulfilled' ? one.value.stop() : undefined)))
    },
  }
}
