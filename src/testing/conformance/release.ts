import assert from 'node:assert/strict'
import {
  aValue,
  BRIEF_MS,
  completion,
  fresh,
  granted,
  isAbove,
  LONG_MS,
  mismatched,
  rival,
  running,
  type StoreCase,
  strange,
  unchanged,
} from './harness.ts'

const group = 'release'

export const releaseCases: readonly StoreCase[] = [
  {
    name: 'a released operation is idle and claimed again as a clean start, with a larger fence',
    group,
    async run({ claim, release, find }) {
      const request = fresh()
      const { lease } = granted(await claim(request))
      assert.equal(await release(lease), 'ok')
      assert.equal((await find(request.id))?.state, 'idle')
      const next = granted(await claim(rival(request)))
      assert.deepEqual({ attempt: next.attempt, starts: next.starts }, { attempt: 1, starts: 2 })
      isAbove(next.lease.fence, lease.fence)
    },
  },
  {
    name: 'a release takes back its own attempt only: an owner abandoned before it is not forgotten',
    group,
    async run({ claim, release, pass }) {
      const request = fresh({ leaseMs: BRIEF_MS })
      granted(await claim(request))
      await pass(BRIEF_MS)
      for (const starts of [2, 3]) {
        const next = granted(await claim(rival(request, { leaseMs: LONG_MS })))
        assert.deepEqual({ attempt: next.attempt, starts: next.starts }, { attempt: 2, starts })
        assert.equal(await release(next.lease), 'ok')
      }
    },
  },
  {
    name: 'a released operation is kept, with its payload, until the retention of its claim is over',
    group,
    async run({ claim, release, find, pass }) {
      const request = fresh({ leaseMs: BRIEF_MS })
      const { lease } = granted(await claim(request))
      const { retainUntil } = (await find(request.id)) ?? {}
      assert.equal(await release(lease), 'ok')
      await pass(2 * BRIEF_MS)
      assert.equal((await find(request.id))?.retainUntil, retainUntil)
      mismatched(await claim(strange(request)))
    },
  },
  {
    name: 'a late copy of a claim that was given back is granted nothing, and changes nothing',
    group,
    async run(context) {
      const request = fresh()
      const { lease } = granted(await context.claim(request))
      await context.release(lease)
      const late = await unchanged(context, request.id, () => context.claim(request))
      assert.deepEqual(late, { kind: 'running', retryAfterMs: 0 })
      granted(await context.claim(rival(request)))
    },
  },
  {
    name: 'a repeated release is ok and changes nothing',
    group,
    async run(context) {
      const { lease } = granted(await context.claim(fresh()))
      assert.equal(await context.release(lease), 'ok')
      assert.equal(await unchanged(context, lease.id, () => context.release(lease)), 'ok')
    },
  },
  {
    name: 'an owner whose lease is over may release while nobody took over',
    group,
    async run({ claim, release, pass }) {
      const request = fresh({ leaseMs: BRIEF_MS })
      const { lease } = granted(await claim(request))
      await pass(BRIEF_MS)
      assert.equal(await release(lease), 'ok')
      assert.equal(granted(await claim(rival(request))).attempt, 1)
    },
  },
  {
    name: 'an owner that was taken over cannot release',
    group,
    async run(context) {
      const request = fresh({ leaseMs: BRIEF_MS })
      const { lease } = granted(await context.claim(request))
      await context.pass(BRIEF_MS)
      granted(await context.claim(rival(request, { leaseMs: LONG_MS })))
      assert.equal(await unchanged(context, request.id, () => context.release(lease)), 'lost')
      running(await context.claim(rival(request)))
    },
  },
  {
    name: 'a done operation cannot be released',
    group,
    async run(context) {
      const { lease } = granted(await context.claim(fresh()))
      await context.complete(completion(lease, aValue('v')))
      assert.equal(await unchanged(context, lease.id, () => context.release(lease)), 'lost')
    },
  },
  {
    name: 'an operation whose outcome is unknown cannot be released',
    group,
    async run(context) {
      const { lease } = granted(await context.claim(fresh()))
      await context.complete(completion(lease, { kind: 'unknown', body: new Uint8Array() }))
      assert.equal(await unchanged(context, lease.id, () => context.release(lease)), 'lost')
    },
  },
  {
    name: 'an idle operation is forgotten with its payload when its retention is over',
    group,
    async run({ claim, release, find, pass }) {
      const request = fresh({ leaseMs: BRIEF_MS, retentionMs: BRIEF_MS })
      assert.equal(await release(granted(await claim(request)).lease), 'ok')
      await pass(2 * BRIEF_MS)
      assert.equal(await find(request.id), undefined)
      assert.equal(granted(await claim(strange(request))).starts, 1)
    },
  },
]
