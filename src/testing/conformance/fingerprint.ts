import {
  aValue,
  BRIEF_MS,
  completion,
  fresh,
  granted,
  LONG_MS,
  mismatched,
  rival,
  type StoreCase,
  strange,
  unchanged,
} from './harness.ts'

const group = 'fingerprint'

export const fingerprintCases: readonly StoreCase[] = [
  {
    name: 'another payload is a mismatch while the operation is running, and changes nothing',
    group,
    async run(context) {
      const request = fresh()
      granted(await context.claim(request))
      mismatched(await unchanged(context, request.id, () => context.claim(strange(request))))
    },
  },
  {
    name: 'another payload is a mismatch after the lease is over: it does not take over, and changes nothing',
    group,
    async run(context) {
      const request = fresh({ leaseMs: BRIEF_MS })
      granted(await context.claim(request))
      await context.pass(BRIEF_MS)
      mismatched(await unchanged(context, request.id, () => context.claim(strange(request))))
    },
  },
  {
    name: 'another payload is a mismatch after a release, and changes nothing',
    group,
    async run(context) {
      const request = fresh()
      await context.release(granted(await context.claim(request)).lease)
      mismatched(await unchanged(context, request.id, () => context.claim(strange(request))))
    },
  },
  {
    name: 'another payload is a mismatch after a takeover and a release',
    group,
    async run({ claim, release, pass }) {
      const request = fresh({ leaseMs: BRIEF_MS })
      granted(await claim(request))
      await pass(BRIEF_MS)
      await release(granted(await claim(rival(request, { leaseMs: LONG_MS }))).lease)
      mismatched(await claim(strange(request)))
      granted(await claim(rival(request)))
    },
  },
  {
    name: 'another payload is a mismatch when the operation is done, and does not see the result',
    group,
    async run(context) {
      const request = fresh()
      const { lease } = granted(await context.claim(request))
      await context.complete(completion(lease, aValue('secret')))
      mismatched(await unchanged(context, request.id, () => context.claim(strange(request))))
      mismatched(await context.claim({ ...request, fingerprint: 'v1:other' }))
    },
  },
  {
    name: 'another payload is a mismatch to the owner too, running or released',
    group,
    async run(context) {
      const request = fresh()
      const other = () => context.claim({ ...request, fingerprint: 'v1:other' })
      const { lease } = granted(await context.claim(request))
      mismatched(await unchanged(context, request.id, other))
      await context.release(lease)
      mismatched(await unchanged(context, request.id, other))
    },
  },
  {
    name: 'fingerprints are compared exactly: case, accents, trailing blanks and halves of surrogate pairs matter',
    group,
    async run({ claim }) {
      for (const [bound, other] of [
        ['v1:abc', 'v1:ABC'],
        ['v1:abc', 'v1:abc '],
        ['v1:\u00e9', 'v1:e\u0301'],
        ['v1:e', 'v1:\u00e9'],
        ['v1:\ud800', 'v1:\udfff'],
        ['v1:\ud800', 'v1:\ufffd'],
      ] as const) {
        const request = fresh({ fingerprint: bound })
        granted(await claim(request))
        mismatched(await claim(rival(request, { fingerprint: other })))
      }
    },
  },
]
