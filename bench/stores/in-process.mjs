import { fingerprintOf, onlyonce } from 'onlyonce'
import { memoryStore } from 'onlyonce/memory'
import { apart } from '../apart.mjs'
import { contest } from '../contest.mjs'
import { contestTable } from '../contest-table.mjs'
import { effect, newKey, order } from '../workload.mjs'

const here = (/** @type {string} */ name) => apart(import.meta.url, name)

/** In process, a fresh key and a payload each time. @type {import('../sections.mjs').Section} */
export const inProcess = {
  name: 'in-process',
  table: contestTable,
  cases: ({ sliceMs }) =>
    [1, 256].map((callers) => ({
      name: `first call with a payload, ${callers} callers`,
      measure: async () => ({
        goal: 0.5,
        ...(await contest([await here('bare'), await here('ours')], { callers, sliceMs })),
      }),
    })),
}

export function bare() {
  const run = async () => {
    newKey()
    fingerprintOf(order)
    return effect()
  }
  return { what: 'the handler and a fingerprint', run }
}

export function ours() {
  const store = memoryStore({ maxRecords: 10_000_000 })
  const once = onlyonce({ store, scope: 'bench' })
  const run = () => once({ key: newKey(), payload: order }, effect)
  return {
    what: '`once`',
    run,
    async close() {
      await once.close()
      await store[Symbol.asyncDispose]()
    },
  }
}
