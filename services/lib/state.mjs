// The services that `up` left running, so that `down` and `status` find them: one file per service.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDir } from '../../scripts/lib/paths.mjs'
import { startedAt, ticksAt } from './processes.mjs'

/**
 * @typedef {object} Running
 * @property {import('../launch.d.mts').Kind} kind
 * @property {string} url
 * @property {string} dir
 * @property {{ name: string, pid: number, started: string, ticks?: string | undefined }[]} processes
 */

const folder = join(cacheDir, 'services')

/** @param {string} kind */
const fileOf = (kind) => join(folder, `${kind}.json`)

/** @param {import('../launch.d.mts').LaunchedService} service */
export function remember({ kind, url, dir, processes, helpers }) {
  const named = [...processes, ...helpers].map(({ name, pid }) => {
    return { name, pid, started: startedAt(pid) ?? '', ticks: ticksAt(pid) }
  })
  mkdirSync(folder, { recursive: true })
  const stage = `${fileOf(kind)}.${process.pid}`
  writeFileSync(stage, JSON.stringify({ kind, url, dir, processes: named }, null, 2))
  renameSync(stage, fileOf(kind))
}

/** @returns {Running[]} */
export function remembered() {
  mkdirSync(folder, { recursive: true })
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'))
  return files.sort().map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))
}

/** @param {Running} service */
export function living({ processes }) {
  return processes.filter(({ pid, started, ticks }) =>
    ticks === undefined ? started !== '' && startedAt(pid) === started : ticksAt(pid) === ticks,
  )
}

/** Ends the processes that are still those we started, and removes their data. @param {Running} service */
export function end(service) {
  for (const { pid } of living(service)) process.kill(pid, 'SIGKILL')
  rmSync(service.dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  rmSync(fileOf(service.kind), { force: true })
}
