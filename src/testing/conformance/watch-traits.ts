import assert from 'node:assert/strict'
import type { Store } from '../../core/store.ts'
import {
  aValue,
  completion,
  done,
  fresh,
  granted,
  mismatched,
  rival,
  running,
  type StoreCase,
  type StoreContext,
  sameResult,
  singleVerbs,
  strange,
} from './harness.ts'

/** Waits up to two seconds of the store's clock, because a wake may come late. */
async function wokenWithin(context: StoreContext, woken: () => boolean): Promise<boolean> {
  for (let tries = 0; tries < 40 && !woken(); tries++) await context.advance(50)
  return woken()
}

export const watchCases: readonly StoreCase[] = [
  {
    name: 'a watcher is woken by a completion, a release and a forgetting',
    group: 'watch',
    needs: ['watch'],
    async run(context) {
      const settle = {
        complete: (lease) => context.complete(completion(lease, aValue('v'))),
        release: (lease) => context.release(lease),
        forget: (lease) => context.store.forget([lease.id]),
      } satisfies Record<string, (lease: Parameters<StoreContext['release']>[0]) => Promise<unknown>>
      for (const [verb, write] of Object.entries(settle)) {
        const { lease } = granted(await context.claim(fresh()))
        let wakes = 0
        const stop = context.store.watch?.(lease.id, () => void wakes++)
        await context.advance(50)
        wakes = 0
        await write(lease)
        assert.ok(await wokenWithin(context, () => wakes > 0), `${verb} should wake the watcher`)
        stop?.()
      }
    },
  },
  {
    name: 'every watcher of an operation is woken, and none after it stopped watching',
    group: 'watch',
    needs: ['watch'],
    async run(context) {
      const { lease } = granted(await context.claim(fresh()))
      const wakes = [0, 0, 0]
      const [stopFirst, ...stopOthers] = wakes.map((_, index) =>
        context.store.watch?.(lease.id, () => {
          wakes[index] = (wakes[index] as number) + 1
        }),
      )
      stopFirst?.()
      stopFirst?.()
      await context.advance(50)
      wakes.fill(0)
      await context.complete(completion(lease, aValue('v')))
      assert.ok(await wokenWithin(context, () => (wakes[1] as number) > 0 && (wakes[2] as number) > 0))
      assert.equal(wakes[0], 0)
      for (const stop of stopOthers) stop?.()
    },
  },
]

const group = 'traits'

export const traitCases: readonly StoreCase[] = [
  {
    name: 'a store has a name and declares every trait',
    group,
    async run({ store }) {
      assert.ok(typeof store.name === 'string' && store.name !== '')
      for (const trait of ['durable', 'transactional', 'survivesFailover', 'selfExpiring'] as const) {
        assert.equal(typeof store.traits[trait], 'boolean', trait)
      }
    },
  },
  {
    name: 'a store has transaction, within and outbox exactly when it says it is transactional',
    group,
    async run({ store }) {
      const parts = store as Store & { transaction?: unknown; within?: unknown; outbox?: unknown }
      const expected = store.traits.transactional ? ['function', 'function', 'object'] : Array(3).fill('undefined')
      assert.deepEqual([typeof parts.transaction, typeof parts.within, typeof parts.outbox], expected)
    },
  },
  {
    name: 'a durable store keeps results, leases and payloads across a restart',
    group,
    needs: ['durable', 'reopen'],
    async run({ claim, complete, reopen }) {
      const [finished, busy] = [fresh(), fresh()]
      await complete(completion(granted(await claim(finished)).lease, aValue('kept')))
      const held = granted(await claim(busy))
      const verbs = singleVerbs(await (reopen as () => Promise<Store>)())
      sameResult(done(await verbs.claim(rival(finished))).result, aValue('kept'))
      running(await verbs.claim(rival(busy)))
      mismatched(await verbs.claim(strange(busy)))
      assert.deepEqual(granted(await verbs.claim(busy)), held)
      assert.equal(await verbs.complete(completion(held.lease, aValue('v'))), 'ok')
    },
  },
  {
    name: 'disposing of a store twice is harmless',
    group,
    async run({ store }) {
      await store[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
    },
  },
]
