import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ModelledStore, ops, runScript } from '../property/store-model.ts'
import { BROKEN } from './broken-stores.ts'
import { openRulesStore } from './rules-store.ts'

const visible = BROKEN.filter(({ byModel, rules }) => rules?.looksThenWrites === undefined && byModel !== false)

describe('the model', () => {
  it.each(visible)('notices that $what', async ({ rules = {}, wrap }) => {
    const open = (): ModelledStore => ({ ...openRulesStore(rules, wrap), close: async () => {} })
    const property = fc.asyncProperty(ops, (script) => runScript(open(), script))
    const { failed } = await fc.check(property, { numRuns: 2_000, seed: 17, endOnFailure: true })
    expect(failed).toBe(true)
  })
})
