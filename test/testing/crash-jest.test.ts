import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Ran, requireBuild, run } from '../built.ts'
import { testDatabase } from '../support/postgres.ts'
import { describeWith } from '../support/services.ts'
import { jestFolder } from './jest-folder.ts'
import { usersFile } from './users-file.ts'

const INSTALLED = { testing: 'onlyonce/testing', sqlite: 'onlyonce/sqlite' }

/** Two writes of a pool, in lines 13 and 14. `Date`s of the driver and of the message are of two realms. */
const ON_POSTGRES = `import { test } from '@jest/globals'
import pg from 'pg'
import { postgresStore } from 'onlyonce/postgres'
import { crashEverywhere } from 'onlyonce/testing'

const schema = process.env.SCHEMA
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 4 })
test('broken', async () => {
  const handler = async (order, { use }) => {
    const { rows } = await use.pool.query(\`SELECT 1 FROM \${schema}.orders WHERE id = $1\`, [order.id])
    if (rows.length > 0) return
    // The line between these two is the mistake.
    await use.pool.query(\`INSERT INTO \${schema}.orders VALUES ($1, $2)\`, [order.id, order.at])
    await use.pool.query(\`UPDATE \${schema}.stock SET amount = amount - 1\`)
  }
  const report = await crashEverywhere(handler, {
    store: async () => {
      await pool.query(\`TRUNCATE \${schema}.orders, \${schema}.stock; INSERT INTO \${schema}.stock VALUES (9)\`)
      return postgresStore({ pool, schema })
    },
    use: () => ({ pool }),
    snapshot: async () => ({
      orders: (await pool.query(\`SELECT * FROM \${schema}.orders\`)).rows,
      stock: (await pool.query(\`SELECT * FROM \${schema}.stock\`)).rows,
    }),
    message: { id: 7, at: new Date(0) },
  })
  await pool.end()
  report.assertClean()
})
`

const folder = jestFolder()

describe('under jest', () => {
  if ('missing' in folder) return it.skip(`(skipped: ${folder.missing})`, () => {})
  const { dir } = folder

  function runJest(name: string, code: string, env: NodeJS.ProcessEnv = {}): Ran {
    requireBuild()
    // A folder for each run: another Node.js may test at the same time.
    const place = join(dir, `${name}-${process.pid}`)
    mkdirSync(place, { recursive: true })
    try {
      writeFileSync(join(place, 'handlers.test.mjs'), code)
      // As jest's own page on ECMAScript modules says.
      const jest = ['--experimental-vm-modules', join(dir, 'node_modules/jest/bin/jest.js')]
      const ours = ['--ci', '--verbose', '--runInBand', '--cacheDirectory', join(place, 'cache'), place]
      return run(process.execPath, [...jest, ...ours], dir, env)
    } finally {
      rmSync(place, { recursive: true, force: true })
    }
  }

  it('works as under any other runner, names the lines there, and lets jest end', () => {
    const ran = runJest('sqlite', usersFile('@jest/globals', INSTALLED))
    expect(ran.code, ran.stderr).toBe(1)
    expect(ran.stderr).toMatch(/✓ repaired/)
    expect(ran.stderr).toMatch(/✕ broken/)
    expect(ran.stderr).toMatch(/✓ hung/)
    expect(ran.stderr).toMatch(/✓ objects/)
    expect(ran.stderr).toMatch(/after {2}\S*handlers\.test\.mjs:19 {2}await kit\.outside\('mail', n\)/)
    expect(ran.stderr).toMatch(/before \S*handlers\.test\.mjs:20 {2}await kit\.sql/)
    expect(ran.stderr).not.toMatch(/did not exit|open handle/i)
  }, 180_000)

  describeWith('postgres', (url) => {
    it('names the line between two writes of a pool', async () => {
      const database = await testDatabase(url)
      const { schema } = database
      try {
        await database.sql(`CREATE TABLE ${schema}.orders (id int, at timestamptz)`)
        await database.sql(`CREATE TABLE ${schema}.stock (amount int)`)
        const ran = runJest('postgres', ON_POSTGRES, { DATABASE_URL: url, SCHEMA: schema })
        expect(ran.code, ran.stderr).toBe(1)
        expect(ran.stderr).toMatch(/after {2}\S*handlers\.test\.mjs:13 {2}await use\.pool\.query/)
        expect(ran.stderr).toMatch(/before \S*handlers\.test\.mjs:14 {2}await use\.pool\.query/)
        expect(ran.stderr).toMatch(/\+ \{ amount: 9 \}/)
      } finally {
        await database.close()
      }
    }, 180_000)
  })
})
