import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { delivery, setup } from '../../test/inbox-kit.ts'
import type { LeasedInboxOptions } from './inbox.ts'

const RETENTION_MS = 60_000

/** An inbox that remembers for a minute, and how long ago a message was published. */
function minute(given: Partial<LeasedInboxOptions> = {}) {
  const world = setup({ retentionMs: RETENTION_MS, ...given })
  const published = (agoMs: number, change = {}) =>
    delivery({ publishedAt: world.runtime.now() - agoMs, redelivered: true, ...change })
  return { ...world, published }
}

describe('inbox, for messages older than what it remembers', () => {
  it('parks one of which no record is left', async () => {
    const { receive, handled, published } = minute()
    expect(await receive(published(RETENTION_MS + 1))).toEqual({
      kind: 'dead-letter',
      reason: expect.stringContaining('late, unverifiable'),
    })
    expect(handled).toEqual([])
  })

  it('handles one that is just young enough, and one of unknown age', async () => {
    const { receive, handled, published } = minute()
    expect(await receive(published(RETENTION_MS))).toEqual({ kind: 'ack' })
    expect(await receive(delivery({ id: 'm2' }))).toEqual({ kind: 'ack' })
    expect(await receive(published(-3_600_000, { id: 'from the future' }))).toEqual({ kind: 'ack' })
    expect(handled).toEqual(['m1', 'm2', 'from the future'])
  })

  it('acks one whose record is still there: it was handled long after it was published', async () => {
    const { receive, handled, published, runtime } = minute()
    const one = published(RETENTION_MS - 1_000)
    expect(await receive(one)).toEqual({ kind: 'ack' })
    await runtime.advance(RETENTION_MS / 2)
    expect(await receive(one)).toEqual({ kind: 'ack' })
    await runtime.advance(RETENTION_MS)
    expect((await receive(one)).kind).toBe('dead-letter')
    expect(handled).toEqual(['m1'])
  })

  it('goes on retrying one that failed before it became too old', async () => {
    let broken = true
    const handle = () => {
      if (broken) throw new Error('no stock')
    }
    const { receive, published, runtime } = minute({ handle })
    const one = published(RETENTION_MS - 1_000)
    expect((await receive(one)).kind).toBe('retry')
    await runtime.advance(2_000)
    broken = false
    expect(await receive(one)).toEqual({ kind: 'ack' })
  })

  it("handles all of them with late: 'run'", async () => {
    const { receive, handled, published } = minute({ late: 'run' })
    expect(await receive(published(10 * RETENTION_MS))).toEqual({ kind: 'ack' })
    expect(handled).toEqual(['m1'])
  })

  it('retries when it cannot ask whether there is a record', async () => {
    const { receive, handled, published, store, runtime } = minute()
    store.find = () => Promise.reject(new Error('connection refused'))
    const verdict = receive(published(10 * RETENTION_MS))
    await runtime.advance(10_000)
    expect((await verdict).kind).toBe('retry')
    expect(handled).toEqual([])
  })
})

describe('inbox, where the broker may deliver for longer than it remembers', () => {
  const warnings: (Error & { readonly code?: string })[] = []
  const listener = (warning: Error) => void warnings.push(warning)
  beforeEach(() => void process.on('warning', listener))
  afterEach(() => {
    process.off('warning', listener)
    warnings.length = 0
  })
  // The process emits a warning in a later turn.
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  const ours = () => warnings.filter(({ code }) => code === 'ONLYONCE_RETENTION')

  it('warns at construction, and of what an adapter learns later', async () => {
    const { receive } = minute({ redeliveryHorizonMs: RETENTION_MS + 1 })
    await turn()
    expect(ours()).toHaveLength(1)
    expect(ours()[0]?.message).toContain('shop/inbox/coupons')
    receive.checkHorizon(RETENTION_MS + 2)
    await turn()
    expect(ours()).toHaveLength(2)
    expect(ours()[1]?.message).toContain(`${RETENTION_MS + 2} ms`)
  })

  it('says nothing where the record outlives the message', async () => {
    minute({ redeliveryHorizonMs: RETENTION_MS }).receive.checkHorizon(1)
    await turn()
    expect(ours()).toEqual([])
  })

  it('is refused with strict, at construction and later', async () => {
    const refused = expect.objectContaining({
      code: 'OPTION_INVALID',
      message: expect.stringContaining('`retentionMs`'),
    })
    expect(() => minute({ redeliveryHorizonMs: RETENTION_MS + 1, strict: true })).toThrow(refused)
    const { receive } = minute({ strict: true })
    expect(() => receive.checkHorizon(RETENTION_MS + 1)).toThrow(refused)
    receive.checkHorizon(RETENTION_MS)
    await turn()
    expect(ours()).toEqual([])
  })
})
