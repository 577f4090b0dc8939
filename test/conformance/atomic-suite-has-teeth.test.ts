import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Runtime } from '../../src/core/runtime.ts'
import type { AtomicClaims, ClaimRequest, TransactionalStore } from '../../src/core/store.ts'
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

const LONG = { timeout: 60_000 }

/** The cases that a store in a file fails. */
async function failingOfTwo(
  change: (store: TransactionalStore<SqliteTx>, runtime: Runtime) => object,
): Promise<readonly string[]> {
  const failed: string[] = []
  for (const one of storeCases) {
    const run = runStoreCase(one, async () => {
      const runtime = fakeRuntime()
      const directory = mkdtempSync(join(tmpdir(), 'onlyonce-'))
      const open = () => {
        const sound = sqliteStore({ path: join(directory, 'operations.db'), durability: 'normal', runtime })
        return { ...sound, ...change(sound, runtime) }
      }
      const store = open()
      const close = async () => {
        await store[Symbol.asyncDispose]()
        rmSync(directory, { recursive: true })
      }
      return { store, advance: runtime.advance, another: async () => open(), close }
    })
    await run.catch(() => failed.push(one.name))
  }
  return failed
}

describe('the conformance suite, of two processes', () => {
  it('passes a sound store', LONG, async () => {
    expect(await failingOfTwo(() => ({}))).toEqual([])
  })

  it('notices that the lease of relays is held by the process, and by no other case', LONG, async () => {
    const failed = await failingOfTwo(({ outbox }, runtime) => {
      let held: { readonly name: string; readonly until: number } | undefined
      const take: typeof outbox.take = async (name, leaseMs, ...rest) => {
        if (held !== undefined && held.name !== name && runtime.now() < held.until) return undefined
        held = { name, until: runtime.now() + leaseMs }
        return outbox.take('any', leaseMs, ...rest)
      }
      const leave: typeof outbox.leave = async (name) => {
        if (held?.name !== name) return
        held = undefined
        await outbox.leave('any')
      }
      return { outbox: { ...outbox, take, leave } }
    })
    expect(failed).toEqual(['of relays of two processes one at a time takes what is in the outbox'])
  })

  it('notices a rival that does not wait for another process, and by no other case', LONG, async () => {
    let writing = false
    const failed = await failingOfTwo((store) => {
      let last: Promise<unknown> = Promise.resolve()
      return {
        // Those of one process take turns; that of another one is told that the file is in use.
        transaction<T>(work: (tx: SqliteTx) => Promise<T>): Promise<T> {
          const answer = last.then(() => {
            if (writing) throw new Error('database is locked')
            writing = true
            return store.transaction(work).finally(() => {
              writing = false
            })
          })
          last = answer.catch(() => {})
          return answer
        },
      }
    })
    expect(failed).toEqual(['a rival in a transaction of another process waits for the first, and is told its result'])
  })
})
