// Is this still the process that we started? A pid alone does not say: numbers are given out again.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

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

/**
 * Its boot and its start in ticks since then, where the kernel tells. What `ps` says of a start is counted back from the
 * wall clock on Linux, and moves when that is set. `undefined` elsewhere, and when it is gone.
 * @param {number} pid
 */
export function ticksAt(pid) {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    // The name before it, in brackets, may hold blanks and brackets.
    const [state = '', ...rest] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\)\s*/s, '')
      .split(' ')
    return state === 'Z' || state === 'X' ? undefined : `${boot} ${rest[18]}`
  } catch {
    return undefined
  }
}
