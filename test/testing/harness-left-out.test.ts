import { describe, expect, it } from 'vitest'
import { memoryStore } from '../../src/stores/memory/index.ts'
import {
  consumerCases,
  consumerConformance,
  publisherConformance,
  runMessagingCase,
  runStoreCase,
  type StoreCase,
  storeCases,
} from '../../src/testing/index.ts'

const refused = (says: string) =>
  expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(says) })

const runner = { describe: (_name: string, body: () => void) => body(), it: () => {} }
const work = async () => {}
const harness = { openTopic: work, consume: work, ledger: work, traits: { ordering: 'none' } }

describe('a harness that lacks what its suite needs is told so', () => {
  it.each([
    ['the store itself', memoryStore(), 'has no `store` with verbs'],
    ['nothing', undefined, 'has no `store` with verbs'],
    ['no advance', { store: memoryStore() }, 'no `advance` moves the clock'],
  ])('open answers %s', async (_, opened, says) => {
    const run = runStoreCase(storeCases[0] as StoreCase, async () => opened as never)
    await expect(run).rejects.toEqual(refused(says))
  })

  it.each([
    [{ consume: undefined }, '`consume` is required'],
    [{ ledger: undefined }, '`ledger` is required'],
    [{ traits: undefined }, "`traits.ordering` must be one of 'consumers'"],
    [{ traits: { ordering: true } }, "`traits.ordering` must be one of 'consumers'"],
    [{ offers: 'cut' }, '`offers` must be a list'],
    [{ offers: ['cut', 'looseAcks'] }, "`offers` must be one of 'breakable'"],
  ])('messaging, %j', async (change, says) => {
    const given = { ...harness, ...change } as never
    expect(() => consumerConformance('x', given, runner)).toThrow(refused(says))
    expect(() => publisherConformance('x', given, runner)).toThrow(refused(says))
    await expect(runMessagingCase(consumerCases[0] as (typeof consumerCases)[number], given)).rejects.toEqual(
      refused(says),
    )
  })

  it('one that has it all is taken', () => {
    expect(() => consumerConformance('x', { ...harness, offers: ['cut'] } as never, runner)).not.toThrow()
  })
})
