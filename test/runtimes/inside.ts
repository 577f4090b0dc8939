// Runs one suite in the runtime that it is started on: `inside.ts SUITE [URL]`. The last line of its output is JSON.
import { httpConformance, type StoreUnderTest, storeConformance, type TestRunner } from '../../src/testing/index.ts'
import { fetchAdapter } from '../http/fetch-site.ts'
import { honoAdapter } from '../http/hono-site.ts'
import type { WebAdapter } from '../http/on-node.ts'
import { openMemory, openMysql, openPostgres, openRedis, openSqlite } from '../support/opened.ts'
import { type Library, openClient } from '../support/redis.ts'
import { onThisRuntime } from './web-servers.ts'

export interface Told {
  readonly passed: number
  /** What does not apply, and what is left out with a reason. */
  readonly skipped: number
  readonly failed: readonly string[]
}

interface Test {
  readonly name: string
  readonly body: (context: { skip(): never }) => Promise<void>
}

/** Longer than any case takes. */
const HANG_MS = 30_000
const SKIPPED = Symbol('skipped')

const [suite = '', url = ''] = process.argv.slice(2)
const tests: Test[] = []
let leftOut = 0
const runner: TestRunner = {
  describe: (_, body) => body(),
  it: Object.assign((name: string, body: Test['body']) => void tests.push({ name, body }), {
    skip: () => void leftOut++,
  }) as TestRunner['it'],
}

const STORES: Readonly<Record<string, () => Promise<StoreUnderTest>>> = {
  memory: openMemory,
  sqlite: openSqlite,
  postgres: () => openPostgres(url),
  mysql: () => openMysql(url),
}

const ADAPTERS: Readonly<Record<string, WebAdapter>> = { fetch: fetchAdapter, hono: honoAdapter() }

/** Redis is tested by sleeping. */
const AT_ONCE: Readonly<Record<string, number>> = { ioredis: 20, 'node-redis': 20, postgres: 3, mysql: 3 }

const opened = suite.includes('redis') ? await openClient(suite as Library, url) : undefined
const adapter = ADAPTERS[suite]
const open = opened === undefined ? STORES[suite] : () => openRedis(opened.client)
if (adapter !== undefined) httpConformance(suite, { ...onThisRuntime(adapter), rounds: 5 }, runner)
else if (open !== undefined) storeConformance(suite, { open }, runner)
else throw new Error(`there is no suite ${JSON.stringify(suite)}`)

console.log(JSON.stringify(await runAll(AT_ONCE[suite] ?? 1)))
await opened?.close()
// What a failed case left open must not keep the process.
process.exit(0)

async function runAll(atOnce: number): Promise<Told> {
  const failed: string[] = []
  let passed = 0
  let skipped = leftOut
  const left = tests.values()
  const worker = async () => {
    for (const { name, body } of left) {
      const error = await outcomeOf(body)
      if (error === undefined) passed++
      else if (error === SKIPPED) skipped++
      else failed.push(`${name}: ${String((error as Error)?.stack ?? error).slice(0, 1_000)}`)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return { passed, skipped, failed }
}

async function outcomeOf(body: Test['body']): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined
  const hung = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not over after ${HANG_MS} ms`)), HANG_MS)
  })
  const skip = () => {
    throw SKIPPED
  }
  try {
    await Promise.race([body({ skip }), hung])
    return undefined
  } catch (error) {
    return error ?? new Error('failed with nothing')
  } finally {
    clearTimeout(timer)
  }
}
