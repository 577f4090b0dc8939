import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { transformSync } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { fromPrisma, type PrismaTransaction } from '../../src/executors/index.ts'
import { requireBuild, root, run, tscBin } from '../built.ts'
import { emptyDatabase } from '../docs/databases.ts'
import { promisedOutput } from '../docs/runner.ts'
import { executorCases } from './cases.ts'
import { onPostgres } from './on-postgres.ts'
import { prismaFolder } from './prisma-folder.ts'

/** What the cases use of the generated client, whose own types the example is checked against. */
interface Client extends PrismaTransaction {
  $transaction<T>(work: (tx: Client) => Promise<T>, options: { readonly timeout: number }): Promise<T>
  $executeRawUnsafe(text: string, ...values: unknown[]): Promise<number>
  $disconnect(): Promise<void>
}

const folder = prismaFolder()

describe('prisma', () => {
  if ('missing' in folder) return it.skip(`(skipped: ${folder.missing})`, () => {})
  const { dir } = folder
  const require = createRequire(join(dir, 'main.ts'))
  const { PrismaClient } = require('./generated/index.js') as { PrismaClient: new (options: object) => Client }
  const { PrismaPg } = require('@prisma/adapter-pg') as { PrismaPg: new (options: object) => object }

  executorCases(onPostgres, async ({ url, place }) => {
    const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) })
    return {
      transaction: (work) =>
        prisma.$transaction(
          (tx) =>
            work({
              executor: () => fromPrisma(tx),
              insert: (key) => tx.$executeRawUnsafe(`INSERT INTO "${place}".effects VALUES ($1)`, key),
            }),
          { timeout: 20_000 },
        ),
      outside: () => fromPrisma(prisma),
      close: () => prisma.$disconnect(),
    }
  })

  it('the example type-checks against the generated client', () => {
    requireBuild()
    const typeRoots = join(root, 'node_modules/@types')
    const ran = run(process.execPath, [tscBin, '-p', dir, '--typeRoots', typeRoots], dir)
    expect(ran).toMatchObject({ code: 0, stdout: '' })
  })

  it('the example runs', async ({ skip }) => {
    requireBuild()
    const database = await emptyDatabase('postgres')
    if (database === undefined) return skip('there is no postgres here')
    try {
      const code = readFileSync(join(dir, 'main.ts'), 'utf8')
      const file = join(dir, 'main.mjs')
      writeFileSync(file, transformSync(code, { loader: 'ts', format: 'esm', target: 'node20' }).code)
      const ran = run(process.execPath, [file], dir, { DATABASE_URL: database.url })
      expect(ran, ran.stderr).toMatchObject({ code: 0 })
      expect(ran.stdout.trim().split('\n')).toEqual(promisedOutput(code))
    } finally {
      await database.drop()
    }
  })
})
