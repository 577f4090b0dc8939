import { describe, expect, it } from 'vitest'
import { bytes, delivery, setup } from '../../test/inbox-kit.ts'
import { onlyonce } from '../core/engine.ts'
import type { Delivery, Verdict } from './delivery.ts'
import { inbox, Unprocessable } from './inbox.ts'

describe('inbox', () => {
  it('runs the handler once and acks every delivery', async () => {
    const { receive, handled } = setup()
    expect(await receive(delivery())).toEqual({ kind: 'ack' })
    expect(await receive(delivery({ redelivered: true }))).toEqual({ kind: 'ack' })
    expect(handled).toEqual(['m1'])
  })

  it('lets another consumer handle the same message', async () => {
    const handled: string[] = []
    const { once, receive } = setup({ handle: () => handled.push('coupons') })
    const other = inbox({ once, name: 'mails', delivers: 'at-least-once', handle: () => handled.push('mails') })
    await receive(delivery())
    await other(delivery())
    expect(handled).toEqual(['coupons', 'mails'])
  })

  it('dead-letters another body under the same id and leaves the first alone', async () => {
    const { receive, handled } = setup()
    await receive(delivery())
    const verdict = await receive(delivery({ body: bytes('{"cents":999}') }))
    expect(verdict).toEqual({ kind: 'dead-letter', reason: expect.stringContaining('"m1"') })
    expect(await receive(delivery())).toEqual({ kind: 'ack' })
    expect(handled).toEqual(['m1'])
  })

  it('names the operation by key and fingerprint when they are given', async () => {
    const { receive, handled } = setup({ key: ({ headers }) => headers.order ?? '', fingerprint: () => 'same' })
    await receive(delivery({ headers: { order: 'o1' } }))
    await receive(delivery({ id: 'm2', headers: { order: 'o1' }, body: bytes('else') }))
    expect(handled).toEqual(['m1'])
  })

  it('retries with a growing, jittered pause and parks after maxAttempts starts, for ever', async () => {
    let starts = 0
    const fail = () => {
      starts++
      throw new Error(`no stock ${starts}`)
    }
    const { receive } = setup({ handle: fail, maxAttempts: 3, backoffMs: 100 })
    const verdicts: Verdict[] = []
    for (let i = 0; i < 5; i++) verdicts.push(await receive(delivery({ redelivered: i > 0 })))
    expect(verdicts.map(({ kind }) => kind)).toEqual(['retry', 'retry', 'dead-letter', 'dead-letter', 'dead-letter'])
    expect(verdicts[4]).toEqual({ kind: 'dead-letter', reason: 'no stock 3' })
    expect(starts).toBe(3)
    for (const [index, verdict] of verdicts.slice(0, 2).entries()) {
      if (verdict.kind !== 'retry') throw new Error('not a retry')
      expect(verdict.delayMs).toBeLessThanOrEqual(100 * 2 ** index)
      expect(verdict.reason).toBe(`no stock ${index + 1}`)
    }
  })

  it('dead-letters at once what the handler calls unprocessable, and remembers it', async () => {
    let starts = 0
    const refuse = () => {
      starts++
      throw new Unprocessable('no such customer')
    }
    const { receive } = setup({ handle: refuse })
    const parked = { kind: 'dead-letter', reason: 'no such customer' }
    expect(await receive(delivery())).toEqual(parked)
    expect(await receive(delivery({ redelivered: true }))).toEqual(parked)
    expect(starts).toBe(1)
  })

  it('handles a parked message again after readmit', async () => {
    let broken = true
    const handle = () => {
      if (broken) throw new Unprocessable('no such customer')
    }
    const { receive } = setup({ handle })
    await receive(delivery())
    broken = false
    expect(await receive.readmit('m1')).toBe(true)
    expect(await receive(delivery({ redelivered: true }))).toEqual({ kind: 'ack' })
    expect(await receive.readmit('never seen')).toBe(false)
  })

  it.each([
    [undefined, 'KEY_MISSING'],
    ['', 'KEY_MISSING'],
    [1100, 'KEY_INVALID'],
    ['order:undefined', 'KEY_INVALID'],
  ])('refuses to readmit %j with %s', async (key, code) => {
    const { receive } = setup()
    await expect(receive.readmit(key as never)).rejects.toMatchObject({ code })
  })

  it('handles it again after readmit also where the engine keeps results in its cache', async () => {
    const { runtime, store } = setup()
    const once = onlyonce({ store, scope: 'shop', runtime, cache: { maxBytes: 100_000, maxAgeMs: 60_000 } })
    let broken = true
    const handle = () => {
      if (broken) throw new Unprocessable('no such customer')
    }
    const { receive } = setup({ once, handle }, runtime)
    expect((await receive(delivery())).kind).toBe('dead-letter')
    broken = false
    expect(await receive.readmit('m1')).toBe(true)
    expect(await receive(delivery({ redelivered: true }))).toEqual({ kind: 'ack' })
  })

  it.each([
    ['a key function that throws', { key: () => JSON.parse('{') }, {}],
    ['a key that cannot be made text', { key: () => Object.create(null) }, {}],
    ['an empty id', {}, { id: '' }],
    ['a key longer than allowed', {}, { id: 'x'.repeat(256) }],
    ['a key built from nothing', {}, { id: `order:${undefined}` }],
    ['a fingerprint that is none', { fingerprint: () => '' }, {}],
    ['a fingerprint of nothing', { fingerprint: ({ headers }: Delivery) => headers.hash as string }, {}],
  ])('dead-letters %s without calling the handler', async (_, options, given) => {
    const { receive, handled } = setup(options)
    const verdict = await receive(delivery(given))
    expect(verdict.kind).toBe('dead-letter')
    expect(handled).toEqual([])
  })

  it('dead-letters what is no message, and a body that is no JSON at once', async () => {
    const { receive } = setup({ handle: (message) => message.json() })
    expect((await receive(undefined as unknown as Delivery)).kind).toBe('dead-letter')
    expect(await receive(delivery({ body: bytes('{') }))).toMatchObject({
      kind: 'dead-letter',
      reason: expect.stringContaining('not JSON'),
    })
    expect((await receive(delivery({ id: 'm2', body: Uint8Array.of(0xff) }))).kind).toBe('dead-letter')
  })

  it('does not store what the handler returns', async () => {
    const { receive } = setup({ handle: () => () => 'a function cannot be stored' })
    expect(await receive(delivery())).toEqual({ kind: 'ack' })
  })
})
