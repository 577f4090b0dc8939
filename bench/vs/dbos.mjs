import { CONNECTIONS } from '../stores/by-hand/postgres.mjs'
import { order } from '../workload.mjs'
import { rival } from './rivals/import.mjs'

const silent = { info() {}, debug() {}, warn() {}, error() {} }
/** @type {Map<string, () => Promise<object>>} */
const effects = new Map()
/** @type {Promise<any> | undefined} A workflow is registered once for each process. */
let registered

/** The key as the id of a workflow without steps, on PostgreSQL. @type {readonly import('./contestant.mjs').Contestant[]} */
export const dbos = [
  {
    name: 'DBOS, the key as workflow id',
    on: 'postgres',
    slow: true,
    async open(url) {
      registered ??= register()
      const { DBOS, workflow } = await registered
      DBOS.setConfig({
        name: 'vs',
        systemDatabaseUrl: url,
        systemDatabasePoolSize: CONNECTIONS,
        logger: silent,
      })
      await DBOS.launch()
      return {
        async call(key, effect) {
          effects.set(key, effect)
          const handle = await DBOS.startWorkflow(workflow, { workflowID: key })(key, order)
          const result = await handle.getResult()
          effects.delete(key)
          return result
        },
        close: () => DBOS.shutdown(),
      }
    },
  },
]

async function register() {
  const { DBOS } = await rival('@dbos-inc/dbos-sdk')
  const workflow = DBOS.registerWorkflow(async (/** @type {string} */ key) => effects.get(key)?.(), { name: 'vs' })
  return { DBOS, workflow }
}
