import { randomUUID } from 'node:crypto'
import mysql from 'mysql2/promise'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/mysql.ts'
import { describeWith } from '../support/services.ts'

describeWith('mysql', (url) => {
  let database: TestDatabase
  const leftovers: (() => unknown)[] = []

  beforeEach(async () => {
    database = await testDatabase(url)
  })
  afterEach(async () => {
    for (const tidy of leftovers.splice(0).reverse()) await tidy()
    await database.close()
  })

  /** An engine on a pool of its own, and what the store sends on it. */
  function counted() {
    const sent: string[] = []
    const pool = mysql.createPool({ uri: database.url, connectionLimit: 2 })
    leftovers.push(() => pool.end())
    const borrow = pool.getConnection.bind(pool)
    pool.getConnection = async () => {
      const connection = await borrow()
      for (const verb of ['query', 'execute'] as const) {
        if (Object.hasOwn(connection, verb)) continue
        const ask = connection[verb].bind(connection) as (...args: unknown[]) => unknown
        const counting = (...args: unknown[]) => {
          sent.push(String(args[0]).trim())
          return ask(...args)
        }
        Object.assign(connection, { [verb]: counting })
      }
      return connection
    }
    return { once: onlyonce({ store: database.store({ pool }), scope: 'test' }), sent }
  }
  const keys = (count: number) => Array.from({ length: count }, () => randomUUID())
  const nothing = () => {}

  it('a batch of 500 is claimed by one insert; a duplicate batch is read by one more statement', async () => {
    const { once, sent } = counted()
    await once.atomic.batch(keys(2), nothing)
    const some = keys(500)
    for (const [kind, statements] of [
      ['executed', ['INSERT']],
      ['replayed', ['INSERT', 'SELECT']],
    ] as const) {
      sent.length = 0
      const outcomes = await once.atomic.batch(some, nothing)
      expect(new Set(outcomes.map((outcome) => outcome.kind))).toEqual(new Set([kind]))
      const verbs = sent.filter((sql) => sql.includes('operations')).map((sql) => sql.slice(0, 6))
      expect(verbs).toEqual(statements)
    }
  })

  it('batches in opposite order wait for each other, and none has to begin once more', async () => {
    const [one, other] = [counted(), counted()]
    await Promise.all([one, other].map(({ once }) => once.atomic.batch(keys(2), nothing)))
    for (const { sent } of [one, other]) sent.length = 0
    const rounds = 30
    for (let round = 0; round < rounds; round++) {
      const some = keys(100)
      const [first, second] = await Promise.all([
        one.once.atomic.batch(some, nothing),
        other.once.atomic.batch([...some].reverse(), nothing),
      ])
      const ran = [...first, ...second].filter(({ kind }) => kind === 'executed')
      expect(ran).toHaveLength(100)
    }
    const begun = [...one.sent, ...other.sent].filter((sql) => sql.includes('START TRANSACTION'))
    expect(begun).toHaveLength(2 * rounds)
  })
})
