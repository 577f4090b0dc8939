import { fingerprintOf, onlyonce, operationId, systemRuntime } from 'onlyonce'
import { memoryStore } from 'onlyonce/memory'
import { apart } from '../apart.mjs'
import { contest } from '../contest.mjs'
import { contestTable } from '../contest-table.mjs'
import { effect, newKey, order } from '../workload.mjs'

const here = (/** @type {string} */ name) => apart(import.meta.url, name)

/** In process, with a fresh key and a payload each time. @type {import('../sections.mjs').Section} */
export const inProcess = {
  name: 'in-process',
  table: contestTable,
  cases: ({ sliceMs }) =>
    [1, 256].map((callers) => ({
      name: `first call with a payload, ${callers} callers`,
      measure: async () => ({
        goal: 0.5,
        ...(await contest([await here('bare'), await here('parts'), await here('ours')], { callers, sliceMs })),
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

/** What the engine cannot avoid: the id, an owner, encoding and decoding the result, and two answers of a store. */
export function parts() {
  const store = new Map()
  const run = async () => {
    const id = operationId('bench', newKey())
    const fingerprint = fingerprintOf(order)
    const owner = systemRuntime.token()
    await store.set(id, { fingerprint, owner })
    const body = Buffer.from(JSON.stringify(await effect()))
    await store.set(id, { fingerprint, owner, body })
    return JSON.parse(String(body))
  }
  return { what: 'what every call takes, without an engine', run }
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
