// The client: autocannon in this process.
import autocannon from 'autocannon'
import { KNOWN, newKeys, oneOf, order } from '../workload.mjs'

/** Shorter slices would be all warm-up: autocannon opens new connections each time. */
const SHORTEST_SLICE_MS = 2_000

/**
 * @typedef {'first' | 'duplicate'} Asked
 * @typedef {{ what: string, pid: number, slice: (callers: number, sliceMs: number) => Promise<import('../slice.mjs').Done>, close: () => Promise<void> }} Asking
 */

/** Sends orders to a server as a client would. @param {import('./serving.mjs').Serving} server @param {Asked} asked @returns {Asking} */
export function asking({ what, pid, port, close }, asked) {
  const known = newKeys(KNOWN)
  const fresh = newKeys(1)[0] ?? ''
  let n = 0
  const nextKey = () => (asked === 'first' ? `${fresh}-${n++}` : oneOf(known, n++))
  return {
    what,
    pid,
    close,
    async slice(callers, sliceMs) {
      const cpu = process.cpuUsage()
      const start = performance.now()
      const result = await autocannon({
        url: `http://127.0.0.1:${port}/orders`,
        connections: callers,
        duration: Math.max(sliceMs, SHORTEST_SLICE_MS) / 1000,
        requests: [
          {
            method: 'POST',
            body: JSON.stringify(order),
            headers: { 'content-type': 'application/json' },
            setupRequest: (request) => ({ ...request, headers: { ...request.headers, 'idempotency-key': nextKey() } }),
          },
        ],
      })
      const { user, system } = process.cpuUsage(cpu)
      const operations = result['2xx']
      // Refusals are cheap, and a comparison of refusals is meaningless.
      if (result.non2xx > operations / 100)
        throw new Error(`${what} refused ${result.non2xx} of ${operations} requests`)
      return { operations, tookMs: performance.now() - start, clientMs: (user + system) / 1000 }
    },
  }
}
