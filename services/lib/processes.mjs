// Is this still the process that we started? The pid alone does not tell: pids are reused.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** The start time according to `ps`; `undefined` if the process is gone or a zombie. @param {number} pid */
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
 * The boot id, and the start in clock ticks since boot. On Linux the start time of `ps` is derived from the wall clock,
 * and changes when that is set. `undefined` on other systems, and if the process is gone.
 * @param {number} pid
 */
export function ticksAt(pid) {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    // The name before it, in parentheses, may contain spaces and parentheses.
    const [state = '', ...rest] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\)\s*/s, '')
      .split(' ')
    return state === 'Z' || state === 'X' ? undefined : `${boot} ${rest[18]}`
  } catch {
    return undefined
  }
}
