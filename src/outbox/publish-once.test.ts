import { describe, expect, it } from 'vitest'
import { onlyonce } from '../core/engine.ts'
import type { EngineOptions } from '../core/options.ts'
import type { PublishResult } from '../core/publisher.ts'
import type { OutboxMessage } from '../core/store.ts'
import { memoryStore } from '../stores/memory/index.ts'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { NotPublished, type PublishOnceOptions, publishOnce } from './outbox.ts'

const notThere = (): boolean => false

type Answer = PublishResult | 'throw' | 'silence' | 'nothing'
const OK: PublishResult = { ok: true }
const paid = { topic: 'order-paid', body: { order: '1100' }, orderingKey: 'order:1100', headers: { a: 'b' } }

/** A broker that keeps what it takes, and answers as it is told, the last answer for ever. */
function setup(answers: readonly Answer[] = [OK], engine: Partial<EngineOptions> = {}) {
  const runtime = fakeRuntime()
  const store = memoryStore({ runtime })
  const once = onlyonce({ store, scope: 'shop', runtime, ...engine })
  const sent: OutboxMessage[] = []
  let calls = 0
  const publish: PublishOnceOptions['publish'] = async (batch) => {
    sent.push(...batch)
    const answer = answers[Math.min(calls++, answers.length - 1)] as Answer
    if (answer === 'throw') throw new Error('connection reset')
    if (answer === 'silence') return new Promise(() => {})
    return answer === 'nothing' ? [] : [answer]
  }
  const state = (given: Partial<PublishOnceOptions> = {}) => publishOnce({ once, publish, ...given })
  const judging = (given: Partial<PublishOnceOptions> = {}) =>
    publishOnce({ publish, scope: 'shop', runtime, alreadyPublished: () => false, ...given })
  return { runtime, store, once, sent, publish, state, judging }
}

describe('publishOnce by state', () => {
  it('sends the first time and never again, in this process or another', async () => {
    const { state, sent } = setup()
    const first = await state()('order:1100', paid)
    expect(first).toEqual({ id: expect.stringMatching(/^[0-9a-f]{32}$/), duplicate: false })
    for (let i = 0; i < 2; i++) expect(await state()('order:1100', paid)).toEqual({ id: first.id, duplicate: true })
    const body = new TextEncoder().encode('{"order":"1100"}')
    expect(sent).toEqual([{ ...paid, id: first.id, body }])
  })

  it('gives each key its own id and takes one that is given', async () => {
    const { state, sent } = setup()
    const publish = state()
    const one = await publish('order:1', paid)
    const other = await publish('order:2', paid)
    expect(one.id).not.toBe(other.id)
    expect(await publish('order:3', { ...paid, id: 'e3' })).toEqual({ id: 'e3', duplicate: false })
    expect(sent.map(({ id }) => id)).toEqual([one.id, other.id, 'e3'])
  })

  it.each([
    ['body', { body: { order: '9' } }],
    ['topic', { topic: 'order-cancelled' }],
    ['ordering key', { orderingKey: 'else' }],
    ['id', { id: 'e9' }],
  ])('refuses the same key with another %s and leaves the record alone', async (_, change) => {
    const { state, sent } = setup()
    await state()('order:1100', paid)
    await expect(state()('order:1100', { ...paid, ...change })).rejects.toMatchObject({ code: 'KEY_REUSED' })
    expect((await state()('order:1100', paid)).duplicate).toBe(true)
    expect(sent).toHaveLength(1)
  })

  it('does not mind other headers: those of a trace differ from call to call', async () => {
    const { state, sent } = setup()
    await state()('order:1100', paid)
    expect((await state()('order:1100', { ...paid, headers: { traceparent: '2' } })).duplicate).toBe(true)
    expect(sent).toHaveLength(1)
  })

  it('does not meet what the engine did for the same key', async () => {
    const { once, state, sent } = setup()
    await once('order:1100', () => 'charged')
    expect((await state()('order:1100', paid)).duplicate).toBe(false)
    expect(sent).toHaveLength(1)
  })

  it('lets one of many callers at the same time send, and treats the others as the engine does', async () => {
    const { state, store, runtime, publish, sent } = setup()
    const slow = (onInFlight: 'reject' | 'wait') =>
      state({
        onInFlight,
        publish: (batch) => new Promise((done) => void runtime.after(1_000, () => done(publish(batch)))),
      })
    const first = slow('wait')('order:1100', paid)
    const second = slow('wait')('order:1100', paid)
    await runtime.advance(100)
    await expect(slow('reject')('order:1100', paid)).rejects.toMatchObject({ code: 'IN_FLIGHT' })
    const elsewhere = publishOnce({ once: onlyonce({ store, scope: 'shop', runtime }), publish, onInFlight: 'wait' })
    const third = elsewhere('order:1100', paid)
    await runtime.advance(5_000)
    expect((await Promise.all([first, second, third])).map(({ duplicate }) => duplicate)).toEqual([false, true, true])
    expect(sent).toHaveLength(1)
  })

  it('sends again, with the same bytes and id, after a refusal', async () => {
    const { state, sent } = setup([{ ok: false, reason: 'queue is full' }, OK])
    const failed = state()('order:1100', paid)
    await expect(failed).rejects.toMatchObject({ code: 'REFUSED', message: expect.stringContaining('queue is full') })
    expect((await state()('order:1100', paid)).duplicate).toBe(false)
    expect(sent).toHaveLength(2)
    expect(sent[1]).toEqual(sent[0])
  })

  it('remembers what the broker never takes, until it is forgotten', async () => {
    const { state, once, sent } = setup([{ ok: false, reason: 'too large', permanent: true }, OK])
    for (let i = 0; i < 3; i++) {
      const error = await state()('order:1100', paid).catch((thrown: unknown) => thrown)
      expect(NotPublished.is(error)).toBe(true)
      expect(error).toMatchObject({ code: 'REFUSED_FOR_GOOD', message: expect.stringContaining('too large') })
    }
    expect(sent).toHaveLength(1)
    expect(await once.forget({ key: 'order:1100', scope: 'shop/publish' })).toBe(true)
    expect((await state()('order:1100', paid)).duplicate).toBe(false)
  })

  it.each(['throw', 'silence', 'nothing'] as const)(
    'sends again at once, under the same id, when it is not known (%s)',
    async (answer) => {
      const { state, sent, runtime } = setup([answer, OK])
      const failed = state({ publishTimeoutMs: 1_000 })('order:1100', paid).catch((error: unknown) => error)
      await runtime.advance(1_001)
      expect(await failed).toMatchObject({ code: 'UNKNOWN' })
      expect((await state()('order:1100', paid)).duplicate).toBe(false)
      expect(sent[1]).toEqual(sent[0])
    },
  )

  it("never sends again what is not known under onAbandoned: 'hold': a person decides", async () => {
    const { state, sent, runtime } = setup(['throw', OK], { leaseMs: 3_000 })
    const publish = state({ onAbandoned: 'hold' })
    await expect(publish('order:1100', paid)).rejects.toMatchObject({ code: 'UNKNOWN' })
    await expect(publish('order:1100', paid)).rejects.toMatchObject({ code: 'IN_FLIGHT' })
    await runtime.advance(3_001)
    for (let i = 0; i < 2; i++)
      await expect(publish('order:1100', paid)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    expect(sent).toHaveLength(1)
  })

  it('never sends again what the publisher calls unknown, either', async () => {
    const lost = { ok: false, reason: 'timeout', unknown: true } as const
    const { state, sent, runtime } = setup([lost, OK], { leaseMs: 3_000 })
    const publish = state({ onAbandoned: 'hold' })
    const failed = { code: 'UNKNOWN', message: expect.stringContaining('is not known (timeout)') }
    await expect(publish('order:1100', paid)).rejects.toMatchObject(failed)
    await expect(publish('order:1100', paid)).rejects.toMatchObject({ code: 'IN_FLIGHT' })
    await runtime.advance(3_001)
    for (let i = 0; i < 2; i++)
      await expect(publish('order:1100', paid)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    expect(sent).toHaveLength(1)
  })

  it('sends again at once what is unknown by default, and what is never taken where nobody knows', async () => {
    const lost = { ok: false, reason: 'timeout', unknown: true, permanent: true } as const
    const { state, sent } = setup([lost, OK])
    await expect(state()('order:1100', paid)).rejects.toMatchObject({ code: 'UNKNOWN' })
    expect((await state()('order:1100', paid)).duplicate).toBe(false)
    expect(sent[1]).toEqual(sent[0])
  })

  it('is settled by reconcile, which asks what became of it', async () => {
    const { state, sent, runtime } = setup(['throw', OK], { leaseMs: 3_000 })
    const publish = state({ onAbandoned: () => ({ happened: true, value: 'the id it was sent with' }) })
    await expect(publish('order:1100', paid)).rejects.toMatchObject({ code: 'UNKNOWN' })
    await runtime.advance(3_001)
    expect(await publish('order:1100', paid)).toEqual({ id: 'the id it was sent with', duplicate: true })
    expect(sent).toHaveLength(1)
  })

  it('is not led astray by what the engine does with effects of its own', async () => {
    const { state, sent } = setup([OK], { onDuplicate: 'reject', onStoreDown: 'run' })
    expect(await state()('order:1100', paid)).toMatchObject({ duplicate: false })
    expect(await state()('order:1100', paid)).toMatchObject({ duplicate: true })
    expect(sent).toHaveLength(1)
    const down = setup([OK], { onStoreDown: 'run' })
    down.store.claim = () => Promise.reject(new Error('down'))
    const asked = down
      .state()('order:1100', paid)
      .catch((error: unknown) => error)
    await down.runtime.advance(10_000)
    expect(await asked).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(down.sent).toEqual([])
  })

  it('sends nothing while the store is down', async () => {
    const { state, store, sent, runtime } = setup()
    store.claim = () => Promise.reject(new Error('connection refused'))
    const failed = state()('order:1100', paid).catch((error: unknown) => error)
    await runtime.advance(10_000)
    expect(await failed).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(sent).toEqual([])
  })
})

describe('publishOnce by judgement', () => {
  it('asks the broker before each send', async () => {
    const asked: [string, string][] = []
    const { judging, sent } = setup()
    const publish = judging({
      alreadyPublished: (key, { id }) => {
        asked.push([key, id])
        return sent.some((one) => one.id === id)
      },
    })
    const first = await publish('order:1100', paid)
    expect(await publish('order:1100', paid)).toEqual({ id: first.id, duplicate: true })
    expect(asked).toEqual([
      ['order:1100', first.id],
      ['order:1100', first.id],
    ])
    expect(sent).toHaveLength(1)
  })

  it('sends nothing when the broker cannot be asked, and asks anew', async () => {
    let answer: () => boolean | Promise<boolean> = () => {
      throw new Error('broker gone')
    }
    const { judging, sent, runtime } = setup()
    const publish = judging({ alreadyPublished: () => answer(), publishTimeoutMs: 1_000 })
    const refused = { code: 'REFUSED', message: expect.stringContaining('nothing was sent') }
    await expect(publish('order:1100', paid)).rejects.toMatchObject(refused)
    answer = () => new Promise<never>(() => {})
    const silent = publish('order:1100', paid).catch((error: unknown) => error)
    await runtime.advance(1_001)
    expect(await silent).toMatchObject(refused)
    expect(sent).toEqual([])
    answer = () => false
    expect((await publish('order:1100', paid)).duplicate).toBe(false)
  })

  it('takes only `true` for a yes', async () => {
    const { judging, sent } = setup()
    await judging({ alreadyPublished: () => 'no' as unknown as boolean })('order:1100', paid)
    expect(sent).toHaveLength(1)
  })

  it('lets callers of one process at the same time send once, and refuses another message meanwhile', async () => {
    const { judging, sent } = setup()
    const publish = judging()
    const both = [publish('order:1100', paid), publish('order:1100', paid)]
    await expect(publish('order:1100', { ...paid, body: 1 })).rejects.toMatchObject({ code: 'KEY_REUSED' })
    expect((await Promise.all(both)).map(({ duplicate }) => duplicate)).toEqual([false, true])
    expect(sent).toHaveLength(1)
    await publish('order:1100', paid)
    expect(sent).toHaveLength(2)
  })

  it.each([{}, { key: 'order:undefined' }, { key: '' }, { key: undefined }])('refuses %j as a key', async (given) => {
    const { judging, state, sent } = setup()
    const key = ('key' in given ? given.key : given) as string
    await expect(judging()(key, paid)).rejects.toMatchObject({ code: expect.stringMatching(/^KEY_/) })
    await expect(state()(key, paid)).rejects.toMatchObject({ code: expect.stringMatching(/^KEY_/) })
    expect(sent).toEqual([])
  })
})

describe('publishOnce by both', () => {
  it('asks the broker when the record is gone, and keeps what it says', async () => {
    const { state, once, sent } = setup()
    let asked = 0
    const alreadyPublished = (_: string, { id }: OutboxMessage): boolean => {
      asked++
      return sent.some((one) => one.id === id)
    }
    const publish = state({ alreadyPublished })
    await publish('order:1100', paid)
    await once.forget({ key: 'order:1100', scope: 'shop/publish' })
    expect((await publish('order:1100', paid)).duplicate).toBe(true)
    expect((await publish('order:1100', paid)).duplicate).toBe(true)
    expect(asked).toBe(2)
    expect(sent).toHaveLength(1)
  })

  it('does not send for an owner that was replaced while the broker was asked', async () => {
    const { state, store, once, runtime, publish, sent } = setup([OK], { leaseMs: 3_000 })
    const slow = state({
      alreadyPublished: (): Promise<boolean> =>
        new Promise<boolean>((done) => void runtime.after(8_000, () => done(false))),
    })
    const stale = slow('order:1100', paid).catch((error: unknown) => error)
    await runtime.advance(10)
    // Another owner has it now: the lease is over, its renewal did not come through.
    const { renew } = store
    store.renew = () => Promise.reject(new Error('partitioned'))
    await runtime.advance(4_000)
    store.renew = renew
    const next = publishOnce({ once: onlyonce({ store, scope: 'shop', runtime }), publish })
    expect((await next('order:1100', paid)).duplicate).toBe(false)
    await runtime.advance(20_000)
    await stale
    expect(sent).toHaveLength(1)
    expect((await once.find({ key: 'order:1100', scope: 'shop/publish' }))?.state).toBe('done')
  })
})

describe('publishOnce options', () => {
  it.each([
    ['publish', { publish: undefined }],
    ['once', { once: undefined }],
    ['once', { once: {} }],
    ['scope', { once: undefined, alreadyPublished: notThere }],
    ['alreadyPublished', { alreadyPublished: true }],
    ['publishTimeoutMs', { publishTimeoutMs: 0 }],
    ['maxBodyBytes', { maxBodyBytes: 0.5 }],
    ['onAbandoned', { onAbandoned: 'drop' }],
    ['waitMs', { waitMs: -1 }],
    ['retentionMs', { once: undefined, scope: 'shop', alreadyPublished: notThere, retentionMs: 60_000 }],
    ['onThrow', { onThrow: 'remember' }],
    ['alreadyPublish', { alreadyPublish: () => true }],
  ])('refuses a bad %s', (name, change) => {
    const { state } = setup()
    expect(() => state(change as never)).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(`\`${name}\``) }),
    )
  })

  it('refuses a message that cannot be sent before anything is recorded', async () => {
    const { state, store } = setup()
    await expect(state()('order:1100', { ...paid, topic: '' })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await expect(state({ maxBodyBytes: 3 })('order:1100', paid)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await expect(state()('order:1100', undefined as never)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    expect((await store.list({ limit: 1 })).items).toEqual([])
  })
})
