// A fixed arrival rate. A closed loop sends the next request only after the last answer, and so hides queueing.
import { setTimeout as sleep } from 'node:timers/promises'

/** @typedef {Omit<Awaited<ReturnType<typeof openLoop>>, 'latencies'> & ReturnType<typeof percentiles>} Loop */

/** A queue of more than this many seconds of arrivals will not be worked off. */
const SATURATED_SECONDS = 2

/**
 * Latency counts from when the operation was due, not from when we got round to it.
 * @param {(n: number) => Promise<unknown>} run
 * @param {number} perSecond
 * @param {number} forMs
 */
export async function openLoop(run, perSecond, forMs) {
  /** @type {number[]} */
  const latencies = []
  /** @type {Set<Promise<void>>} */
  const underWay = new Set()
  const start = performance.now()
  let sent = 0
  let saturated = false
  let failed = 0
  for (let elapsed = 0; elapsed < forMs && !saturated; elapsed = performance.now() - start) {
    for (const due = (elapsed / 1000) * perSecond; sent < due; sent++) {
      const dueAt = start + (sent / perSecond) * 1000
      const one = (async () => void (await run(sent)))()
        .catch(() => void failed++)
        .then(() => {
          latencies.push(performance.now() - dueAt)
          underWay.delete(one)
        })
      underWay.add(one)
    }
    saturated = underWay.size > perSecond * SATURATED_SECONDS
    await sleep(1)
  }
  const inTime = latencies.length
  await Promise.all(underWay)
  return { latencies, saturated, failed, perSecond: (inTime / (performance.now() - start)) * 1000 }
}

/** @param {readonly number[]} latencies */
export function percentiles(latencies) {
  const sorted = Float64Array.from(latencies).sort()
  const at = (/** @type {number} */ share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
  return { p50: at(0.5) ?? Number.NaN, p99: at(0.99) ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN }
}
