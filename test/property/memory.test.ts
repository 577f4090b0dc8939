import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { fakeRuntime } from '../../src/testing/index.ts'
import { type ModelledStore, ops, runScript, type Seen } from './store-model.ts'

function open(): ModelledStore {
  const runtime = fakeRuntime()
  const store = memoryStore({ runtime })
  return { store, runtime, close: () => store[Symbol.asyncDispose]() }
}

describe('the memory store, whatever the order of requests', () => {
  it('gives only answers that the model explains, and meets every kind of them', async () => {
    const seen: Seen = new Map()
    const numRuns = Number(process.env.ONLYONCE_PROPERTY_RUNS ?? 2_000)
    let ran = 0
    await fc.assert(
      fc.asyncProperty(ops, async (script) => {
        await runScript(open(), script, seen)
        ran++
      }),
      { numRuns },
    )
    // Cut short by a time limit it may have met too little: under mutation testing that would pass for a bug noticed.
    if (ran < numRuns) return
    const met = ['granted', 'done', 'running', 'mismatch'].map((kind) => `claim ${kind}`)
    for (const verb of ['renew', 'complete', 'release']) met.push(`${verb} ok`, `${verb} lost`)
    for (const what of [...met, 'takeover', 'repeat']) expect(seen.get(what) ?? 0, what).toBeGreaterThan(20)
  })
})
