import { trafficTable } from '../stores/round-trips.mjs'
import { countingProxy } from '../wire.mjs'
import { effect, newKey } from '../workload.mjs'
import { contestantsFor, openChecked } from './contestants.mjs'

const TIMES = 50

/** Counted on the wire, one operation after the other, all connections together. @type {import('../sections.mjs').Section} */
export const traffic = {
  name: 'vs-round-trips',
  table: trafficTable,
  cases: ({ servers }) =>
    contestantsFor('round-trips').map((one) => ({
      name: one.name,
      async measure() {
        const { url, port } = await servers.get(one.on)
        const proxy = await countingProxy(port)
        const entry = await openChecked(one, proxy.through(url))
        const known = newKey()
        await entry.call(known, effect)
        const first = await proxy.costOf(TIMES, () => entry.call(newKey(), effect))
        const duplicate = await proxy.costOf(TIMES, () => entry.call(known, effect))
        await entry.close()
        await proxy.close()
        return { first, duplicate }
      },
    })),
}
