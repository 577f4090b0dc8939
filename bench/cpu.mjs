// Processor time used by the servers under test, and by all other processes except ours. Read from /proc, so only on
// Linux; elsewhere neither is known, and no slice is discarded.
import { readdirSync, readFileSync } from 'node:fs'

const TICK_MS = 10
const LINUX = process.platform === 'linux'

/** @typedef {{ servers: number, others: number }} Used milliseconds of processor time */

/** Starts a measurement; the returned function ends it. @param {readonly number[]} pids of the servers @returns {() => Used} */
export function startCpu(pids) {
  if (!LINUX) return () => ({ servers: Number.NaN, others: 0 })
  const before = look(pids)
  return () => {
    const after = look(pids)
    const others = after.machine - before.machine - (after.ours - before.ours)
    return { servers: after.servers - before.servers, others: Math.max(0, others) }
  }
}

/** The servers count as ours, whatever their parent is. @param {readonly number[]} pids */
function look(pids) {
  const all = processes()
  return { machine: machineMs(), servers: treeMs(all, pids), ours: treeMs(all, [process.pid, ...pids]) }
}

/** Busy time of all processors, and what a hypervisor took. Without interrupts: no process is charged for them. */
function machineMs() {
  const [, user, nice, system, , , , , steal] = readFileSync('/proc/stat', 'utf8').split(/\s+/, 9).map(Number)
  return ((user ?? 0) + (nice ?? 0) + (system ?? 0) + (steal ?? 0)) * TICK_MS
}

/** Time of processes and all their descendants, including ended ones. @param {ReturnType<typeof processes>} all @param {readonly number[]} roots */
function treeMs(all, roots) {
  const wanted = new Set(roots)
  // A child may have a smaller pid than its parent once pids are reused.
  for (let found = 0; found !== wanted.size; ) {
    found = wanted.size
    for (const [pid, { parent }] of all) if (wanted.has(parent)) wanted.add(pid)
  }
  let ticks = 0
  for (const pid of wanted) ticks += all.get(pid)?.ticks ?? 0
  return ticks * TICK_MS
}

/** @returns {Map<number, { parent: number, ticks: number }>} */
function processes() {
  const all = new Map()
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid)) continue
    try {
      const line = readFileSync(`/proc/${name}/stat`, 'utf8')
      // The command may contain spaces and parentheses: count after it. 14 to 17 are utime, stime, cutime, cstime.
      const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
      const ticks = fields.slice(11, 15).reduce((sum, one) => sum + Number(one), 0)
      all.set(pid, { parent: Number(fields[1]), ticks })
    } catch {
      // The process ended meanwhile.
    }
  }
  return all
}
