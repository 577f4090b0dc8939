const SLICES = 7

/**
 * @typedef {{ name: string, callers: number, base: () => Promise<Side>, ours: () => Promise<Side> }} Case
 * @typedef {{ what: string, run: (n: number) => unknown, close?: () => unknown }} Side `run` does one operation; n never repeats
 */

/** Base and ours in turn, one warm-up slice each; the ratio is taken slice by slice. @param {Case} one @param {number} sliceMs */
export async function compare(one, sliceMs) {
  const sides = { base: await one.base(), ours: await one.ours() }
  const rates = { base: /** @type {number[]} */ ([]), ours: /** @type {number[]} */ ([]) }
  const cpu = { base: 0, ours: 0 }
  const done = { base: 0, ours: 0 }
  let n = 0
  for (let slice = 0; slice <= SLICES; slice++) {
    for (const side of /** @type {const} */ (['base', 'ours'])) {
      const before = process.cpuUsage()
      const start = performance.now()
      const end = start + sliceMs
      let operations = 0
      const caller = async () => {
        while (performance.now() < end) {
          await sides[side].run(n++)
          operations++
        }
      }
      await Promise.all(Array.from({ length: one.callers }, caller))
      const used = process.cpuUsage(before)
      if (slice === 0) continue
      rates[side].push((operations / (performance.now() - start)) * 1000)
      cpu[side] += used.user + used.system
      done[side] += operations
    }
  }
  for (const side of [sides.base, sides.ours]) await side.close?.()
  const ratios = rates.ours.map((rate, slice) => rate / (rates.base[slice] ?? Number.NaN))
  return {
    base: { what: sides.base.what, perSecond: middle(rates.base), cpuMicros: cpu.base / done.base },
    ours: { what: sides.ours.what, perSecond: middle(rates.ours), cpuMicros: cpu.ours / done.ours },
    ratio: { median: middle(ratios), min: Math.min(...ratios), max: Math.max(...ratios) },
  }
}

/** @param {readonly number[]} values */
function middle(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}
