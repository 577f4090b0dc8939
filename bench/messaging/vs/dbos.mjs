// DBOS: a queue of workflows, each with one transaction of a data source, whose checkpoint is committed with the row.
import { INSERT_EFFECT, postgresByHand } from '../../stores/by-hand/postgres.mjs'
import { openPool } from '../../stores/postgres.mjs'
import { each, newKeys, resultJson } from '../../workload.mjs'
import { CONNECTIONS, UNDER_WAY } from './limits.mjs'
import { paced } from './paced.mjs'
import { rival } from './rivals/import.mjs'

const silent = { info() {}, debug() {}, warn() {}, error() {} }
const OF_ITS_OWN = 6

/** @param {string} url */
export async function queued(url) {
  const { DBOS, WorkflowQueue } = await rival('@dbos-inc/dbos-sdk')
  const { PostgresDataSource } = await rival('@dbos-inc/postgres-datasource')
  const pool = openPool(url)
  await postgresByHand(pool)
  await pool.end()
  const { hostname: host, port, username: user, pathname } = new URL(url)
  const connection = { host, port: Number(port), user, database: pathname.slice(1) }
  const source = new PostgresDataSource('effects', { ...connection, max: CONNECTIONS - OF_ITS_OWN, onnotice() {} })
  const queue = new WorkflowQueue('orders', { workerConcurrency: UNDER_WAY, minPollingIntervalMs: 10 })
  /** @param {string} id */
  async function handle(id) {
    await pace.turn()
    await source.runTransaction(() => PostgresDataSource.client.unsafe(INSERT_EFFECT, [id, resultJson]), {
      name: 'effect',
    })
    pace.done([id])
  }
  const workflow = DBOS.registerWorkflow(handle, { name: 'order' })
  const pace = paced({
    count: 5_000,
    add: (count) =>
      each(newKeys(count), UNDER_WAY, (id) =>
        DBOS.startWorkflow(workflow, { workflowID: id, queueName: queue.name })(id),
      ),
  })
  const systemDatabaseUrl = Object.assign(new URL(url), { pathname: `/dbos_${process.pid}` }).href
  DBOS.setConfig({ name: 'vs', systemDatabaseUrl, systemDatabasePoolSize: OF_ITS_OWN, logger: silent })
  await DBOS.launch()
  await pace.refill()
  return { what: 'a queue of workflows', per: pace.per, run: pace.run, close: () => pace.prove(url) }
}
