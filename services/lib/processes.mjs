// Is this still the process that we started? A pid alone does not say: numbers are given out again.
import { spawnSync } from 'node:child_process'

/** When it started, as `ps` tells it; `undefined` when it is gone, or dead and only not yet collected. @param {number} pid */
export function startedAt(pid) {
  const ran = spawnSync('ps', ['-p', String(pid), '-o', 'stat=,lstart='], {
    encoding: 'utf8',
    env: { LC_ALL: 'C', PATH: process.env.PATH },
  })
  if (ran.error !== undefined) throw new Error(`ps is needed to tell our servers from others: ${ran.error.message}`)
  const [state = '', ...start] = ran.stdout.trim().split(/\s+/)
  return state === '' || state.startsWith('Z') ? undefined : start.join(' ')
}
