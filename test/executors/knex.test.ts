import knex from 'knex'
import { describe } from 'vitest'
import { fromKnex, fromKnexMysql } from '../../src/executors/index.ts'
import { executorCases } from './cases.ts'
import { onMysql } from './on-mysql.ts'
import { onPostgres } from './on-postgres.ts'

describe('knex', () => {
  executorCases(
    onPostgres,
    async ({ url, place }) => {
      const db = knex({ client: 'pg', connection: url, postProcessResponse: inCamelCase })
      return {
        transaction: (work) =>
          db.transaction((trx) =>
            work({
              executor: () => fromKnex(trx),
              insert: async (key) => trx('effects').withSchema(place).insert({ key }),
            }),
          ),
        close: () => db.destroy(),
      }
    },
    { renamesColumns: true },
  )

  executorCases(
    onMysql,
    async ({ url }) => {
      const db = knex({ client: 'mysql2', connection: url, postProcessResponse: inCamelCase })
      return {
        transaction: (work) =>
          db.transaction((trx) =>
            work({ executor: () => fromKnexMysql(trx), insert: async (key) => trx('effects').insert({ key }) }),
          ),
        close: () => db.destroy(),
      }
    },
    { renamesColumns: true },
  )
})

/** As knexSnakeCaseMappers of Objection does it, which many have set up. */
// biome-ignore lint/suspicious/noExplicitAny: whatever Knex has got as an answer
function inCamelCase(answer: any): any {
  const renamed = (row: object) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name.replace(/_(\w)/g, (_, c) => c.toUpperCase()), value]),
    )
  if (Array.isArray(answer?.rows)) return { ...answer, rows: answer.rows.map(renamed) }
  const isOfMysql = Array.isArray(answer) && Array.isArray(answer[0])
  return isOfMysql ? [answer[0].map(renamed), ...answer.slice(1)] : answer
}
