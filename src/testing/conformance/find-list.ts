import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { Lease, ObservedRecord, OperationId } from '../../core/record.ts'
import type { ClaimRequest, ListQuery, Store } from '../../core/store.ts'
import {
  aValue,
  BRIEF_MS,
  completion,
  fresh,
  granted,
  LONG_MS,
  named,
  newOwner,
  type StoreCase,
  type StoreContext,
} from './harness.ts'

const group = 'find and list'

/** Returns the records of all pages. A store that pages for ever fails instead of hanging. */
async function listed(store: Store, query: ListQuery): Promise<readonly ObservedRecord[]> {
  const all: ObservedRecord[] = []
  let after: string | undefined
  for (let page = 0; page < 200; page++) {
    const { items, next } = await store.list({ ...query, ...(after === undefined ? {} : { after }) })
    assert.ok(items.length <= query.limit, `a page of ${items.length} where ${query.limit} were asked for`)
    all.push(...items)
    if (next === undefined) return all
    after = next
  }
  return assert.fail('200 pages and no end')
}

function idsOf(records: readonly ObservedRecord[]): readonly OperationId[] {
  return records.map((record) => record.id).sort()
}

/** One operation in each state. */
async function oneOfEach({ claim, complete, release, pass }: StoreContext, scope = `s-${randomUUID()}`) {
  const request = (key: string) => named(scope, `${key}-${randomUUID()}`)
  const requests = {
    abandoned: { ...request('abandoned'), leaseMs: BRIEF_MS },
    running: request('running'),
    idle: request('idle'),
    done: request('done'),
    unknown: request('unknown'),
  }
  granted(await claim(requests.abandoned))
  await pass(BRIEF_MS)
  granted(await claim(requests.running))
  await release(granted(await claim(requests.idle)).lease)
  await complete(completion(granted(await claim(requests.done)).lease, aValue('v')))
  const held = granted(await claim(requests.unknown)).lease
  await complete(completion(held, { kind: 'unknown', body: new Uint8Array() }))
  const { abandoned, running, idle, done, unknown } = requests
  return { scope, abandoned: abandoned.id, running: running.id, idle: idle.id, done: done.id, unknown: unknown.id }
}

export const findListCases: readonly StoreCase[] = [
  {
    name: 'a record is found with everything its claim said, and the clock it was read by',
    group,
    async run({ claim, find }) {
      const request = fresh()
      const { lease } = granted(await claim(request))
      const record = await find(request.id)
      assert.ok(record !== undefined)
      const { id, scope, key, fingerprint, owner, fence, state, attempt, starts, steps, result } = record
      assert.deepEqual(
        { id, scope, key, fingerprint },
        { id: request.id, scope: request.scope, key: request.key, fingerprint: request.fingerprint },
      )
      assert.deepEqual(
        { owner, fence, state, attempt, starts, steps, result },
        {
          owner: request.owner,
          fence: lease.fence,
          state: 'running',
          attempt: 1,
          starts: 1,
          steps: [],
          result: undefined,
        },
      )
      assert.ok(record.createdAt <= record.readAt)
      assert.ok(Math.abs(record.leaseUntil - record.createdAt - request.leaseMs) <= 1)
      assert.ok(Math.abs(record.retainUntil - record.leaseUntil - request.retentionMs) <= 1)
    },
  },
  {
    name: 'scope, key, payload and the moment of the first claim stay through every verb',
    group,
    async run({ claim, renew, release, complete, find, pass }) {
      const request = fresh({ leaseMs: BRIEF_MS })
      const again = async () => granted(await claim({ ...request, owner: newOwner() })).lease
      const first = granted(await claim(request)).lease
      const { createdAt } = (await find(request.id)) ?? {}
      async function stays(verb: string): Promise<void> {
        const { scope, key, fingerprint } = request
        const is = await find(request.id)
        assert.deepEqual(
          { scope: is?.scope, key: is?.key, fingerprint: is?.fingerprint, createdAt: is?.createdAt },
          { scope, key, fingerprint, createdAt },
          `after ${verb}`,
        )
      }
      await pass(BRIEF_MS)
      await renew({ lease: first, leaseMs: BRIEF_MS, retentionMs: LONG_MS })
      await stays('a renewal')
      await pass(BRIEF_MS)
      const second = await again()
      await stays('a takeover')
      await release(second)
      await stays('a release')
      const third = await again()
      await stays('a claim after the release')
      await complete(completion(third, { kind: 'error', body: new Uint8Array() }))
      await stays('a completion')
    },
  },
  {
    name: 'an operation that was never claimed is not found',
    group,
    async run({ find }) {
      assert.equal(await find(fresh().id), undefined)
    },
  },
  {
    name: 'a record whose retention is over is neither found nor listed, swept or not',
    group,
    async run({ store, claim, complete, find, pass }) {
      const request = named(`s-${randomUUID()}`, 'k')
      await complete(completion(granted(await claim(request)).lease, aValue('v'), BRIEF_MS))
      await pass(BRIEF_MS)
      assert.equal(await find(request.id), undefined)
      assert.deepEqual(await listed(store, { scope: request.scope as string, limit: 10 }), [])
    },
  },
  {
    name: 'a running record outlives its lease, so that it is seen to be abandoned',
    group,
    async run({ claim, find, pass }) {
      const request = fresh({ leaseMs: BRIEF_MS })
      granted(await claim(request))
      await pass(BRIEF_MS)
      const record = await find(request.id)
      assert.equal(record?.state, 'running')
      assert.ok((record?.leaseUntil ?? Infinity) <= (record?.readAt ?? 0))
    },
  },
  {
    name: 'listing gives every record once, page by page',
    group,
    async run({ store }) {
      const scope = `s-${randomUUID()}`
      const requests = Array.from({ length: 23 }, (_, index) => named(scope, `k${index}`))
      await store.claim(requests)
      const expected = requests.map((request) => request.id).sort()
      for (const limit of [1, 7, 23, 100]) {
        assert.deepEqual(idsOf(await listed(store, { scope, limit })), expected, `in pages of ${limit}`)
      }
    },
  },
  {
    name: 'listing by state tells idle, running, done, abandoned and unknown apart',
    group,
    async run(context) {
      const { scope, abandoned, running, idle, done, unknown } = await oneOfEach(context)
      const by = async (state: NonNullable<ListQuery['state']>) =>
        idsOf(await listed(context.store, { scope, state, limit: 2 }))
      assert.deepEqual(await by('idle'), [idle])
      assert.deepEqual(await by('abandoned'), [abandoned])
      assert.deepEqual(await by('unknown'), [unknown])
      assert.deepEqual(await by('running'), [abandoned, running].sort())
      assert.deepEqual(await by('done'), [done, unknown].sort())
    },
  },
  {
    name: 'a state is listed in every scope without one, and in that scope only with one',
    group,
    async run({ store, claim, release }) {
      const [here, there] = [named(`s-${randomUUID()}`, 'k'), named(`s-${randomUUID()}`, 'k')]
      const busy = named(here.scope as string, 'busy')
      for (const request of [here, there]) await release(granted(await claim(request)).lease)
      granted(await claim(busy))
      const by = async (query: Partial<ListQuery>) => idsOf(await listed(store, { limit: 2, ...query }))
      assert.deepEqual(await by({ state: 'idle' }), [here.id, there.id].sort())
      assert.deepEqual(await by({ state: 'running' }), [busy.id])
      assert.deepEqual(await by({ state: 'idle', scope: here.scope as string }), [here.id])
      assert.deepEqual(await by({ state: 'running', scope: there.scope as string }), [])
    },
  },
  {
    name: 'an abandoned operation is listed as such until it is renewed or taken over',
    group,
    async run({ store, claim, renew, pass }) {
      const [renewed, taken, left] = [1, 2, 3].map(() => fresh({ leaseMs: BRIEF_MS })) as [
        ClaimRequest,
        ClaimRequest,
        ClaimRequest,
      ]
      const leases = (await store.claim([renewed, taken, left])).map((outcome) => granted(outcome).lease)
      await pass(BRIEF_MS)
      const abandoned = async () => idsOf(await listed(store, { state: 'abandoned', limit: 5 }))
      assert.deepEqual(await abandoned(), [renewed.id, taken.id, left.id].sort())
      await renew({ lease: leases[0] as Lease, leaseMs: LONG_MS, retentionMs: LONG_MS })
      granted(await claim({ ...taken, owner: newOwner(), leaseMs: LONG_MS }))
      assert.deepEqual(await abandoned(), [left.id])
    },
  },
  {
    name: 'records that leave the list between two pages take no others with them',
    group,
    async run({ store, release }) {
      const leave = {
        forgotten: (leases) => store.forget(leases.map((lease) => lease.id)),
        released: (leases) => Promise.all(leases.map(release)),
      } satisfies Record<string, (leases: readonly Lease[]) => Promise<unknown>>
      for (const [how, go] of Object.entries(leave)) {
        const scope = `s-${randomUUID()}`
        await store.claim(Array.from({ length: 9 }, (_, index) => named(scope, `k${index}`)))
        const met = new Set<OperationId>()
        const query = { scope, state: 'running', limit: 2 } as const
        let page = await store.list(query)
        for (let pages = 1; pages < 20; pages++) {
          for (const { id } of page.items) met.add(id)
          await go(page.items)
          if (page.next === undefined) break
          page = await store.list({ ...query, after: page.next })
        }
        assert.equal(met.size, 9, `${met.size} of 9 records were listed, where those of each page were ${how}`)
      }
    },
  },
  {
    name: 'listing by scope gives that scope only, exactly as it is spelled',
    group,
    async run(context) {
      const mark = randomUUID()
      const scopes = [`tenant ${mark}`, `Tenant ${mark}`, `tenant ${mark} `, `t\u00e9nant ${mark}`, `%${mark}`]
      const requests = scopes.map((scope) => named(scope, 'k'))
      await context.store.claim(requests)
      for (const { id, scope } of requests) {
        assert.deepEqual(idsOf(await listed(context.store, { scope: scope as string, limit: 5 })), [id])
      }
      const all = idsOf(await listed(context.store, { limit: 50 }))
      assert.ok(
        requests.every((request) => all.includes(request.id)),
        'without a filter, all of them',
      )
    },
  },
  {
    name: 'a listed record is the one that find answers',
    group,
    async run({ store, claim, complete, find, pass }) {
      const request = { ...named(`s-${randomUUID()}`, 'k'), leaseMs: LONG_MS }
      await complete(completion(granted(await claim(request)).lease, aValue('v')))
      await pass(BRIEF_MS)
      const before = await find(request.id)
      const [record] = await listed(store, { scope: request.scope as string, limit: 1 })
      const found = await find(request.id)
      assert.deepEqual({ ...record, readAt: 0 }, { ...found, readAt: 0 })
      const [from = Number.NaN, readAt = Number.NaN, to = Number.NaN] = [before, record, found].map(
        (one) => one?.readAt,
      )
      assert.ok(from - 1 <= readAt && readAt <= to + 1, `readAt ${readAt} should be from ${from} to ${to}`)
    },
  },
]
