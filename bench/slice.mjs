/**
 * @typedef {object} Side
 * @property {string} what
 * @property {(n: number) => unknown} run Does the work once; n never repeats.
 * @property {number} [per] How many operations that is. Default 1.
 * @property {() => unknown} [close]
 *
 * @typedef {{ operations: number, tookMs: number, clientMs: number }} Done
 */

/** @type {WeakMap<Side, number>} */
const numbers = new WeakMap()

/** Runs as many operations as fit into that time. @param {Side} side @param {number} callers @param {number} sliceMs @returns {Promise<Done>} */
export async function runSlice(side, callers, sliceMs) {
  const { run, per = 1 } = side
  const cpu = process.cpuUsage()
  const start = performance.now()
  const end = start + sliceMs
  let n = numbers.get(side) ?? 0
  let operations = 0
  const caller = async () => {
    while (performance.now() < end) {
      await run(n++)
      operations += per
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  numbers.set(side, n)
  const { user, system } = process.cpuUsage(cpu)
  return { operations, tookMs: performance.now() - start, clientMs: (user + system) / 1000 }
}
