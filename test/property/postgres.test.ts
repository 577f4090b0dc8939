import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { memoryStore } from '../../src/stores/memory/index.ts'
import type { PostgresStore } from '../../src/stores/postgres/index.ts'
import { namesIn } from '../../src/stores/postgres/sql/names.ts'
import { sweepSql } from '../../src/stores/postgres/sql/remove.ts'
import { isForgotten } from '../../src/stores/sql/forgotten.ts'
import { fakeRuntime } from '../../src/testing/index.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { describeWith } from '../support/services.ts'
import { follow } from './follow.ts'
import { type StoreCall, storeCalls } from './store-calls.ts'
import { type Op, ops, runScript, type Seen } from './store-model.ts'

/** Every so many claims begin a new partition, so that operations meet their records in old ones. */
const CLAIMS_OF_A_PARTITION = 2

/** Chance brings a handful of takeovers, or none. */
const TAKEOVERS: readonly Op[] = [0, 1, 2, 0].flatMap((owner) => [
  { do: 'claim', id: 0, owner, print: 0, leaseMs: 5, retentionMs: 80, again: false },
  { do: 'advance', ms: 10 },
])

/**
 * The store's clock is a number in a table, set to that of the model before each request. In partitions a sweep leaves records
 * that are past their retention to be dropped with the others, and the model, whose clock may be set back, does not; so
 * they are also swept as those of one table are.
 */
describeWith('postgres', (url) =>
  describe.each([
    ['in one table', undefined],
    ['in partitions', { everyMs: 1_000, keep: 5 }],
  ])('%s', (_, partitions) => {
    let database: TestDatabase | undefined
    let opened: PostgresStore | undefined
    afterAll(() => database?.close())

    async function fresh() {
      database ??= await testDatabase(url)
      const { sql, schema } = database
      opened ??= database.store({ listen: false, ...(partitions && { partitions }) })
      const store = { ...opened }
      await store.migrate()
      await sql(`TRUNCATE "${schema}".operations; UPDATE "${schema}".fence_floor SET fence = 0`)
      if (partitions !== undefined) inPartitions(store, database)
      return { store, setClock: database.setClock }
    }

    function inPartitions(store: PostgresStore, { sql, schema, clock, beginPartition }: TestDatabase): void {
      const { claim, sweep } = store
      const everywhere = sweepSql(namesIn(schema, clock))
      let claims = 0
      store.claim = async (requests) => {
        if (++claims % CLAIMS_OF_A_PARTITION === 0) await beginPartition()
        return claim(requests)
      }
      store.sweep = async (limit) => {
        const rows = await sql(everywhere, [String(limit)])
        return rows.filter((row) => !isForgotten(row)).length + (await sweep(limit))
      }
    }

    it('gives only answers that the model explains, and meets every kind of them', async () => {
      const seen: Seen = new Map()
      const property = fc.asyncProperty(ops, async (script) => {
        const { store, setClock } = await fresh()
        const runtime = fakeRuntime()
        await setClock(runtime.now() * 1000)
        const { advance, step } = runtime
        runtime.advance = async (ms) => {
          await advance(ms)
          await setClock(runtime.now() * 1000)
        }
        const setBack: Promise<void>[] = []
        runtime.step = (ms) => {
          step(ms)
          setBack.push(setClock(runtime.now() * 1000))
        }
        const find = store.find
        store.find = async (ids) => {
          await Promise.all(setBack.splice(0))
          return find(ids)
        }
        await runScript({ store, runtime, close: async () => {} }, script, seen)
      })
      await fc.assert(property, { numRuns: Number(process.env.ONLYONCE_PROPERTY_RUNS ?? 60), examples: [[TAKEOVERS]] })
      const met = ['granted', 'done', 'running', 'mismatch'].map((kind) => `claim ${kind}`)
      for (const verb of ['renew', 'complete', 'release']) met.push(`${verb} ok`, `${verb} lost`)
      for (const what of [...met, 'takeover', 'repeat']) expect(seen.get(what) ?? 0, what).toBeGreaterThan(2)
    }, 120_000)

    it('gives the same answers as the memory store to the same batches at the same time', async () => {
      const property = fc.asyncProperty(storeCalls, async (calls: readonly StoreCall[]) => {
        const { store, setClock } = await fresh()
        const runtime = fakeRuntime()
        const [memory, postgres] = [follow(memoryStore({ runtime })), follow(store)]
        for (const one of calls) {
          if (one.verb === 'advance') await runtime.advance(one.ms)
          if (one.verb === 'set-back') runtime.step(-one.ms)
          await setClock(runtime.now() * 1000)
          expect(await postgres(one)).toEqual(await memory(one))
        }
      })
      await fc.assert(property, { numRuns: Number(process.env.ONLYONCE_PROPERTY_RUNS ?? 100) })
    }, 120_000)
  }),
)
