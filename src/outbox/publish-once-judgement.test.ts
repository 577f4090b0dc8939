import { describe, expect, it } from 'vitest'
import { paid, setup } from '../../test/publish-once-kit.ts'
import { onlyonce } from '../core/engine.ts'
import type { OutboxMessage } from '../core/store.ts'
import { publishOnce } from './outbox.ts'

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
    const { state, store, once, runtime, publish, sent } = setup(undefined, { leaseMs: 3_000 })
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
