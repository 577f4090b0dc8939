import { describe, expect, it } from 'vitest'
import type { AtomicClaims, ClaimRequest } from '../../src/core/store.ts'
import { type SqliteTx, sqliteStore } from '../../src/stores/sqlite/index.ts'
import { fakeRuntime, runStoreCase, storeCases } from '../../src/testing/index.ts'

const KEPT = 'what is claimed in transactions, alone or together, is kept with its names, each for its own retention'

async function passes(name: string, change: (claims: AtomicClaims) => Partial<AtomicClaims>): Promise<boolean> {
  const found = storeCases.find((one) => one.name === name)
  if (found === undefined) throw new Error(`there is no case ${name}`)
  const run = runStoreCase(found, async () => {
    const runtime = fakeRuntime()
    const sound = sqliteStore({ path: ':memory:', runtime })
    const within = (tx: SqliteTx) => ({ ...sound.within(tx), ...change(sound.within(tx)) })
    return { store: { ...sound, within }, advance: runtime.advance, close: () => sound[Symbol.asyncDispose]() }
  })
  return run.then(
    () => true,
    () => false,
  )
}

describe('the conformance suite, of a store with transactions', () => {
  it('passes a sound one', async () => {
    expect(await passes(KEPT, () => ({}))).toBe(true)
  })

  it.each<[string, (claims: AtomicClaims) => Partial<AtomicClaims>]>([
    [
      'a batch is kept for the retention of its first request',
      ({ claimAll }) => ({
        claimAll: (batch) =>
          claimAll(batch.map((one) => ({ ...one, retentionMs: (batch[0] as ClaimRequest).retentionMs }))),
      }),
    ],
    ['a claim keeps no key', ({ claim }) => ({ claim: ({ key: _, ...request }) => claim(request) })],
    [
      'a claim is kept for its lease as well, which a done operation has not',
      ({ claim }) => ({ claim: (one) => claim({ ...one, retentionMs: one.leaseMs + one.retentionMs }) }),
    ],
  ])('notices that %s', async (_, change) => {
    expect(await passes(KEPT, change)).toBe(false)
  })
})
