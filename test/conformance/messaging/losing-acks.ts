import type { LosingAcks } from '../../../src/testing/index.ts'
import type { FaultProxy } from '../../support/proxy.ts'

/** How many acknowledgements a chunk of what a client sends has in it. */
export type CountAcks = (chunk: Buffer) => number

/** Every `mark` is one. */
export function marked(mark: string | Buffer): CountAcks {
  return (chunk) => {
    let count = 0
    for (let at = chunk.indexOf(mark); at >= 0; at = chunk.indexOf(mark, at + 1)) count++
    return count
  }
}

/** Every so many-th acknowledgement is lost, and its connection with it. Several may share a chunk. */
export function losingAcks(proxy: FaultProxy, acksIn: CountAcks, every: number): LosingAcks {
  const { onRequest } = proxy
  let asked = 0
  let lost = 0
  let wasLost = false
  proxy.onRequest = (chunk, connection) => {
    const before = asked
    asked += acksIn(chunk)
    if (asked === before) return onRequest?.(chunk, connection)
    // Some clients send again by themselves what was lost, and would do so for ever.
    const passes = wasLost || Math.floor(asked / every) === Math.floor(before / every)
    wasLost = !passes
    if (passes) return onRequest?.(chunk, connection)
    lost++
    return 'cut'
  }
  return {
    get lost() {
      return lost
    },
    async stop() {
      proxy.onRequest = onRequest
    },
  }
}
