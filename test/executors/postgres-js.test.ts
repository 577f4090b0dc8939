import postgres from 'postgres'
import { expect, it } from 'vitest'
import { fromPostgresJs } from '../../src/executors/index.ts'
import { onlyonce } from '../../src/index.ts'
import { describeWith } from '../support/services.ts'
import { executorCases } from './cases.ts'
import { onPostgres } from './on-postgres.ts'

executorCases(
  onPostgres,
  async ({ url, place }) => {
    // Renames the columns of every answer, ours among them.
    const sql = postgres(url, { onnotice: () => {}, transform: postgres.camel })
    return {
      transaction: async (work) =>
        (await sql.begin((tx) =>
          work({
            executor: () => fromPostgresJs(tx),
            insert: async (key) => tx`INSERT INTO ${tx(place)}.effects VALUES (${key})`,
          }),
        )) as Awaited<ReturnType<typeof work>>,
      outside: () => fromPostgresJs(sql),
      close: () => sql.end(),
    }
  },
  { failedStatementIsFatal: true, renamesColumns: true },
)

describeWith('postgres', (url) => {
  it('a reserved connection can be joined after a BEGIN of the caller, and pays for no savepoints', async () => {
    const world = await onPostgres.world(url)
    await world.store.migrate()
    const sent: string[] = []
    const sql = postgres(url, { debug: (_, text) => void sent.push(text) })
    const reserved = await sql.reserve()
    const once = onlyonce({ store: world.store, scope: 'test' })
    const insert = async (key: string) => void (await reserved`INSERT INTO ${sql(world.place)}.effects VALUES (${key})`)
    await reserved`BEGIN`
    await once.atomic('key', () => insert('key'), { tx: fromPostgresJs(reserved) })
    await reserved`COMMIT`
    expect([await world.keys(), sent.filter(isTheirSavepoint)]).toEqual([['key'], []])
    reserved.release()
    await sql.end()
    await world.close()
  })

  it('of a claim and its result, only these two statements cost a savepoint of postgres.js', async () => {
    const world = await onPostgres.world(url)
    await world.store.migrate()
    const sent: string[] = []
    const sql = postgres(url, { debug: (_, text) => void sent.push(text) })
    const once = onlyonce({ store: world.store, scope: 'test' })
    await sql.begin((tx) => once.atomic('key', async () => 'a value', { tx: fromPostgresJs(tx) }))
    expect(sent.filter(isTheirSavepoint)).toHaveLength(2)
    await sql.end()
    await world.close()
  })
})

/** Named by postgres.js itself: `savepoint "s0"`. */
const isTheirSavepoint = (text: string) => /^savepoint "?s\d/.test(text)
