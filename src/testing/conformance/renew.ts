import assert from 'node:assert/strict'
import type { Step } from '../../core/record.ts'
import {
  BRIEF_MS,
  bytes,
  fresh,
  granted,
  isAbout,
  LONG_MS,
  rival,
  running,
  type StoreCase,
  sameBytes,
  unchanged,
} from './harness.ts'

const group = 'renew'

const one: Step = { name: 'reserve', result: bytes('r-1') }
const two: Step = { name: 'charge', result: bytes('c-2') }
const again: Step = { name: 'reserve', result: bytes('another') }

function sameSteps(actual: readonly Step[] | undefined, expected: readonly Step[]): void {
  assert.deepEqual(
    actual?.map((step) => step.name),
    expected.map((step) => step.name),
  )
  actual?.forEach((step, index) => {
    sameBytes(step.result, expected[index]?.result as Uint8Array)
  })
}

export const renewCases: readonly StoreCase[] = [
  {
    name: 'renewing keeps a rival away for the new lease',
    group,
    async run({ claim, renew, pass }) {
      const request = fresh({ leaseMs: BRIEF_MS })
      const { lease } = granted(await claim(request))
      assert.equal(await renew({ lease, leaseMs: LONG_MS, retentionMs: LONG_MS }), 'ok')
      await pass(BRIEF_MS)
      running(await claim(rival(request)))
    },
  },
  {
    name: 'renewing never shortens a lease',
    group,
    async run({ claim, renew, pass }) {
      const request = fresh()
      const { lease } = granted(await claim(request))
      assert.equal(await renew({ lease, leaseMs: BRIEF_MS, retentionMs: LONG_MS }), 'ok')
      await pass(BRIEF_MS)
      running(await claim(rival(request)))
    },
  },
  {
    name: 'renewing keeps the record for the new retention, and never shortens it',
    group,
    async run({ claim, renew, find, pass }) {
      const { lease } = granted(await claim(fresh({ leaseMs: BRIEF_MS, retentionMs: BRIEF_MS })))
      assert.equal(await renew({ lease, leaseMs: BRIEF_MS, retentionMs: LONG_MS }), 'ok')
      assert.equal(await renew({ lease, leaseMs: BRIEF_MS, retentionMs: BRIEF_MS }), 'ok')
      await pass(2 * BRIEF_MS)
      assert.equal((await find(lease.id))?.state, 'running')
    },
  },
  {
    name: 'renewing counts the lease from now, and the retention from the end of the lease',
    group,
    async run({ claim, renew, find }) {
      const { lease } = granted(await claim(fresh()))
      for (const times of [2, 3]) {
        assert.equal(await renew({ lease, leaseMs: times * LONG_MS, retentionMs: 4 * LONG_MS }), 'ok')
        const record = await find(lease.id)
        isAbout('leaseUntil', record?.leaseUntil, record?.readAt, times * LONG_MS)
        isAbout('retainUntil', record?.retainUntil, record?.leaseUntil, 4 * LONG_MS)
      }
    },
  },
  {
    name: 'an owner whose lease is over may renew it while nobody took over',
    group,
    async run({ claim, renew, pass }) {
      const request = fresh({ leaseMs: BRIEF_MS })
      const { lease } = granted(await claim(request))
      await pass(BRIEF_MS)
      assert.equal(await renew({ lease, leaseMs: LONG_MS, retentionMs: LONG_MS }), 'ok')
      running(await claim(rival(request)))
    },
  },
  {
    name: 'renewing is no claim: fence, attempt and starts stay',
    group,
    async run({ claim, renew, find }) {
      const { lease } = granted(await claim(fresh()))
      assert.equal(await renew({ lease, leaseMs: 2 * LONG_MS, retentionMs: LONG_MS }), 'ok')
      const record = await find(lease.id)
      assert.deepEqual([record?.fence, record?.attempt, record?.starts], [lease.fence, 1, 1])
    },
  },
  {
    name: 'steps are saved by renewing, and the longer list stays',
    group,
    async run(context) {
      const { lease } = granted(await context.claim(fresh()))
      const renewal = { lease, leaseMs: LONG_MS, retentionMs: LONG_MS }
      assert.equal(await context.renew({ ...renewal, steps: [one] }), 'ok')
      assert.equal(await context.renew({ ...renewal, steps: [one, two] }), 'ok')
      assert.equal(await context.renew({ ...renewal, steps: [one] }), 'ok')
      assert.equal(await context.renew({ ...renewal, steps: [again, two] }), 'ok')
      assert.equal(await context.renew({ ...renewal, steps: [] }), 'ok')
      assert.equal(await context.renew(renewal), 'ok')
      sameSteps((await context.find(lease.id))?.steps, [one, two])
    },
  },
  {
    name: 'a repeated claim is answered with the steps saved since',
    group,
    async run({ claim, renew }) {
      const request = fresh()
      const { lease } = granted(await claim(request))
      await renew({ lease, leaseMs: LONG_MS, retentionMs: LONG_MS, steps: [one] })
      sameSteps(granted(await claim(request)).steps, [one])
    },
  },
  {
    name: 'steps are handed to the owner that takes over, which may add to them',
    group,
    async run({ claim, renew, find, pass }) {
      const request = fresh({ leaseMs: BRIEF_MS })
      const { lease } = granted(await claim(request))
      await renew({ lease, leaseMs: BRIEF_MS, retentionMs: LONG_MS, steps: [one] })
      await pass(BRIEF_MS)
      const next = granted(await claim(rival(request, { leaseMs: LONG_MS })))
      sameSteps(next.steps, [one])
      await renew({ lease: next.lease, leaseMs: LONG_MS, retentionMs: LONG_MS, steps: [one, two] })
      sameSteps((await find(request.id))?.steps, [one, two])
    },
  },
  {
    name: 'steps survive a release and are handed to the next owner',
    group,
    async run({ claim, renew, release }) {
      const request = fresh()
      const { lease } = granted(await claim(request))
      await renew({ lease, leaseMs: LONG_MS, retentionMs: LONG_MS, steps: [one, two] })
      await release(lease)
      sameSteps(granted(await claim(rival(request))).steps, [one, two])
    },
  },
  {
    name: 'a renewal that was lost does not save its steps',
    group,
    async run(context) {
      const request = fresh({ leaseMs: BRIEF_MS })
      const { lease } = granted(await context.claim(request))
      await context.pass(BRIEF_MS)
      granted(await context.claim(rival(request, { leaseMs: LONG_MS })))
      const late = { lease, leaseMs: 2 * LONG_MS, retentionMs: LONG_MS, steps: [one] }
      assert.equal(await unchanged(context, request.id, () => context.renew(late)), 'lost')
    },
  },
]
