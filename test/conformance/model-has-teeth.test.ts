import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ModelledStore, ops, runScript } from '../property/store-model.ts'
import { BROKEN } from './broken-stores.ts'
import { openRulesStore } from './rules-store.ts'

/** What one request at a time, by id, without a listing or a watcher, and judged by its kind cannot show; the conformance suite does. */
const INVISIBLE = [
  'keys are compared without case',
  'answers come in the order in which the store finished',
  'renew answers backwards',
  'complete answers backwards',
  'release answers backwards',
  'a mismatch carries the result of the first',
  'a watcher is woken when it begins to watch, and never again',
  'the second page is the first again',
  'a body is cut at its first NUL',
]

const visible = BROKEN.filter(({ what, rules }) => rules?.looksThenWrites === undefined && !INVISIBLE.includes(what))

describe('the model', () => {
  it.each(visible)('notices that $what', async ({ rules = {}, wrap }) => {
    const open = (): ModelledStore => ({ ...openRulesStore(rules, wrap), close: async () => {} })
    const property = fc.asyncProperty(ops, (script) => runScript(open(), script))
    const { failed } = await fc.check(property, { numRuns: 2_000, seed: 17, endOnFailure: true })
    expect(failed).toBe(true)
  })
})
