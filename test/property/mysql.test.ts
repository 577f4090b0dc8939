import fc from 'fast-check'
import { afterAll, expect, it } from 'vitest'
import { memoryStore } from '../../src/stores/memory/index.ts'
import type { MysqlStore } from '../../src/stores/mysql/index.ts'
import { fakeRuntime } from '../../src/testing/index.ts'
import { type TestDatabase, testDatabase } from '../support/mysql.ts'
import { describeWith } from '../support/services.ts'
import { follow } from './follow.ts'
import { type StoreCall, storeCalls } from './store-calls.ts'
import { ops, runScript, type Seen } from './store-model.ts'

/** The store's clock is a number in a table, set to that of the model before each request. */
describeWith('mysql', (url) => {
  let database: TestDatabase | undefined
  let opened: MysqlStore | undefined
  afterAll(() => database?.close())

  async function fresh() {
    database ??= await testDatabase(url)
    opened ??= database.store()
    const store = { ...opened }
    await store.migrate()
    await database.sql('DELETE FROM onlyonce_operations')
    await database.sql('UPDATE onlyonce_fence_floor SET fence = 0')
    return { store, setClock: database.setClock }
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
    await fc.assert(property, { numRuns: Number(process.env.ONLYONCE_PROPERTY_RUNS ?? 200) })
    const met = ['granted', 'done', 'running', 'mismatch'].map((kind) => `claim ${kind}`)
    for (const verb of ['renew', 'complete', 'release']) met.push(`${verb} ok`, `${verb} lost`)
    for (const what of [...met, 'takeover', 'repeat']) expect(seen.get(what) ?? 0, what).toBeGreaterThan(2)
  }, 120_000)

  it('gives the same answers as the memory store to the same batches at the same time', async () => {
    const property = fc.asyncProperty(storeCalls, async (calls: readonly StoreCall[]) => {
      const { store, setClock } = await fresh()
      const runtime = fakeRuntime()
      const [memory, mysql] = [follow(memoryStore({ runtime })), follow(store)]
      for (const one of calls) {
        if (one.verb === 'advance') await runtime.advance(one.ms)
        if (one.verb === 'set-back') runtime.step(-one.ms)
        await setClock(runtime.now() * 1000)
        expect(await mysql(one)).toEqual(await memory(one))
      }
    })
    await fc.assert(property, { numRuns: Number(process.env.ONLYONCE_PROPERTY_RUNS ?? 100) })
  }, 120_000)
})
