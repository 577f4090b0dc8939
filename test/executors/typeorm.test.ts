import { DataSource, EntitySchema } from 'typeorm'
import { describe } from 'vitest'
import { fromTypeOrm, fromTypeOrmMysql } from '../../src/executors/index.ts'
import { executorCases } from './cases.ts'
import { onMysql } from './on-mysql.ts'
import { onPostgres } from './on-postgres.ts'

describe('typeorm', () => {
  executorCases(onPostgres, async ({ url, place }) => {
    const effects = new EntitySchema<{ key: string }>({
      name: 'effects',
      schema: place,
      columns: { key: { type: 'text', primary: true } },
    })
    const source = await new DataSource({ type: 'postgres', url, entities: [effects] }).initialize()
    return {
      transaction: (work) =>
        source.transaction((manager) =>
          work({ executor: () => fromTypeOrm(manager), insert: (key) => manager.insert(effects, { key }) }),
        ),
      outside: () => fromTypeOrm(source.manager),
      close: () => source.destroy(),
    }
  })

  executorCases(onMysql, async ({ url }) => {
    const effects = new EntitySchema<{ key: string }>({
      name: 'effects',
      columns: { key: { type: 'varchar', length: 100, primary: true } },
    })
    const source = await new DataSource({ type: 'mariadb', url, entities: [effects] }).initialize()
    return {
      transaction: (work) =>
        source.transaction((manager) =>
          work({ executor: () => fromTypeOrmMysql(manager), insert: (key) => manager.insert(effects, { key }) }),
        ),
      outside: () => fromTypeOrmMysql(source.manager),
      close: () => source.destroy(),
    }
  })
})
