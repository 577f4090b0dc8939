import { describe, expect, it } from 'vitest'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import type { Call, EngineContext } from './context.ts'
import type { Grant } from './holding.ts'
import type { ObservedRecord } from './record.ts'
import { storedValue } from './result.ts'
import { afterLoss, settle } from './settling.ts'

type Kept = Partial<ObservedRecord> | undefined | Error

/** A completion that the store takes, of a lease that held until `heldUntil`; `found` is in the store afterwards. */
function completed(found: Kept, heldUntil: number) {
  const runtime = fakeRuntime()
  const asked: string[] = []
  const calls = {
    complete: async () => 'ok',
    find: async (id: string) => {
      asked.push(id)
      if (found instanceof Error) throw found
      return found
    },
  }
  const context = { calls, runtime, events: { emit() {}, heard: false } } as unknown as EngineContext
  const call = {
    named: { id: 'id', key: 'k', scope: 's', fingerprint: 'f' },
    options: { retentionMs: 5 },
  } as unknown as Call
  const grant = { lease: { id: 'id', owner: 'me', fence: 7 }, attempt: 2, askedAt: 0 } as unknown as Grant
  return {
    context,
    call,
    grant,
    asked,
    result: () => settle(context, call, grant, storedValue('mine'), true, heldUntil),
  }
}

describe('a result that is stored after its lease ran out', () => {
  const mine = { kind: 'result', ran: true, attempt: 2, fence: 7, result: storedValue('mine') }
  const other = { kind: storedValue('mine').kind, body: storedValue('by hand').body }

  it.each<[string, Kept]>([
    ['its own', { fence: 7, result: storedValue('mine') }],
    ['of another fence', { fence: 8, result: other }],
    ['without a result', { fence: 7 }],
    ['gone', undefined],
    ['not to be read', new Error('down')],
  ])('stands where the record is %s', async (_, found) => {
    const { result, asked } = completed(found, 0)
    expect(await result()).toEqual(mine)
    expect(asked).toEqual(['id'])
  })

  it.each([other, { ...storedValue('mine'), kind: 'unknown' as const }])(
    'gives way to one put by hand',
    async (put) => {
      const { result } = completed({ fence: 7, result: put }, 0)
      expect(await result()).toEqual({ ...mine, ran: false, result: put })
    },
  )

  it('is not looked at again while the lease held', async () => {
    const { result, asked } = completed({ fence: 7, result: other }, 1)
    expect(await result()).toEqual(mine)
    expect(asked).toEqual([])
  })
})

it.each<[string, Kept]>([
  ['cannot be read', new Error('down')],
  ['is of another payload', { fingerprint: 'other', result: storedValue('theirs') }],
  ['has no result', { fingerprint: 'f' }],
])(
  'a lost lease is told as that, with what the effect threw, where the record of its successor %s',
  async (_, found) => {
    const { context, call, grant } = completed(found, 0)
    const thrown = new Error('thrown')
    const message = expect.stringContaining('another owner took it over')
    await expect(afterLoss(context, call, grant, thrown)).rejects.toMatchObject({
      code: 'LEASE_LOST',
      cause: thrown,
      message,
    })
  },
)
