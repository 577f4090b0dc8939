import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import type { Store } from '../../src/core/store.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'
import { fakeRuntime } from '../../src/testing/index.ts'
import { type ModelledStore, ops, runScript, type Seen } from './store-model.ts'

const folder = mkdtempSync(join(tmpdir(), 'onlyonce-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
const newFile = () => join(folder, `${++files}.db`)

function open(): ModelledStore {
  const runtime = fakeRuntime()
  const store = sqliteStore({ path: ':memory:', runtime })
  return { store, runtime, close: () => store[Symbol.asyncDispose]() }
}

describe('the sqlite store, whatever the order of requests', () => {
  it('gives only answers that the model explains, and meets every kind of them', async () => {
    const seen: Seen = new Map()
    const property = fc.asyncProperty(ops, async (script) => {
      const modelled = open()
      await runScript(modelled, script, seen)
      await modelled.close()
    })
    await fc.assert(property, { numRuns: Number(process.env.ONLYONCE_PROPERTY_RUNS ?? 300) })
    const met = ['granted', 'done', 'running', 'mismatch'].map((kind) => `claim ${kind}`)
    for (const verb of ['renew', 'complete', 'release']) met.push(`${verb} ok`, `${verb} lost`)
    for (const what of [...met, 'takeover', 'repeat']) expect(seen.get(what) ?? 0, what).toBeGreaterThan(0)
  }, 60_000)
})

/** A batch for one verb, over few operations, so that they meet. */
type Call = { readonly ids: readonly number[]; readonly owner: number; readonly ms: number } & (
  | { readonly verb: 'claim' | 'renew' | 'complete' | 'release' | 'forget' | 'find' }
  | { readonly verb: 'sweep' | 'list' | 'advance' | 'set-back' | 'restart' }
)

const call: fc.Arbitrary<Call> = fc.record({
  verb: fc.constantFrom(
    ...(['claim', 'claim', 'claim', 'renew', 'complete', 'release', 'forget', 'find'] as const),
    ...(['sweep', 'list', 'advance', 'advance', 'set-back', 'restart'] as const),
  ),
  ids: fc.uniqueArray(fc.nat(4), { minLength: 1, maxLength: 5 }),
  owner: fc.nat(2),
  ms: fc.constantFrom(1, 5, 10, 40),
})

describe('the sqlite store beside the memory store', () => {
  it('gives the same answers to the same batches at the same time, restarts included', async () => {
    const property = fc.asyncProperty(fc.array(call, { maxLength: 30 }), async (calls) => {
      const runtime = fakeRuntime()
      const path = newFile()
      const openSqlite = () => sqliteStore({ path, durability: 'normal', runtime })
      const memory = memoryStore({ runtime })
      let sqlite: Store = openSqlite()
      const fences = new Map<string, number>()
      const perform = async (store: Store, { verb, ids, owner, ms }: Call): Promise<unknown> => {
        const names = ids.map((id) => `${id}`.repeat(32))
        const leases = names.map((id) => ({ id, owner: `o${owner}`, fence: fences.get(id) ?? 1 }))
        const times = { leaseMs: ms, retentionMs: ms * 2 }
        const steps = Array.from({ length: owner }, (_, nth) => ({ name: `s${nth}`, result: Uint8Array.of(nth) }))
        const kind = ms === 40 ? 'unknown' : 'value'
        switch (verb) {
          case 'claim':
            return store.claim(
              names.map((id, nth) => {
                const fingerprint = ms === 10 && nth === 0 ? 'v1:other' : 'v1:one'
                return {
                  id,
                  scope: `scope ${nth % 2}`.replace(/.$/, id.slice(0, 1)),
                  key: id,
                  fingerprint,
                  owner: `o${owner}`,
                  ...times,
                }
              }),
            )
          case 'renew':
            return store.renew(leases.map((lease) => ({ lease, ...times, steps })))
          case 'complete':
            return store.complete(
              leases.map((lease) => ({ lease, result: { kind, body: Uint8Array.of(ms, owner) }, retentionMs: ms })),
            )
          case 'release':
            return store.release(leases)
          case 'forget':
            return store.forget(names)
          case 'find':
            return store.find(names)
          case 'sweep':
            return store.sweep(100)
          case 'list': {
            const state = ([undefined, 'idle', 'running', 'done', 'abandoned', 'unknown'] as const)[ids.length]
            const query = {
              limit: 2,
              ...(state === undefined ? {} : { state }),
              ...(owner === 2 ? { scope: 'scope 1' } : {}),
            }
            const page = await store.list(query)
            return [page, page.next === undefined ? [] : await store.list({ ...query, after: page.next })]
          }
          default:
            return undefined
        }
      }
      for (const one of calls) {
        if (one.verb === 'advance') await runtime.advance(one.ms)
        if (one.verb === 'set-back') runtime.step(-one.ms)
        if (one.verb === 'restart') {
          await sqlite[Symbol.asyncDispose]()
          sqlite = openSqlite()
        }
        const [expected, actual] = [await perform(memory, one), await perform(sqlite, one)]
        expect(actual).toEqual(expected)
        if (one.verb !== 'claim') continue
        for (const outcome of expected as { kind: string; lease?: { id: string; fence: number } }[]) {
          if (outcome.lease !== undefined) fences.set(outcome.lease.id, outcome.lease.fence)
        }
      }
      await sqlite[Symbol.asyncDispose]()
      rmSync(path, { force: true })
    })
    await fc.assert(property, { numRuns: Number(process.env.ONLYONCE_PROPERTY_RUNS ?? 150) })
  }, 60_000)
})
