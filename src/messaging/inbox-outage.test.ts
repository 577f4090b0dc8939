import { describe, expect, it } from 'vitest'
import { delivery, setup } from '../../test/inbox-kit.ts'

describe('inbox, while the store is down', () => {
  it('retries when the store is down, however often, and never parks for it', async () => {
    const { receive, store, runtime, handled } = setup({ maxAttempts: 2 })
    const { claim } = store
    store.claim = () => Promise.reject(new Error('connection refused'))
    for (let i = 0; i < 5; i++) {
      const verdict = receive(delivery({ redelivered: i > 0 }))
      await runtime.advance(10_000)
      expect(await verdict).toMatchObject({ kind: 'retry', reason: expect.stringContaining('connection refused') })
    }
    store.claim = claim
    expect(await receive(delivery({ redelivered: true }))).toEqual({ kind: 'ack' })
    expect(handled).toEqual(['m1'])
  })

  it('never acks when the result could not be confirmed', async () => {
    const { receive, store, runtime, handled } = setup({ leaseMs: 3_000 })
    const { complete } = store
    store.complete = () => Promise.reject(new Error('connection reset'))
    const verdict = receive(delivery())
    await runtime.advance(30_000)
    expect((await verdict).kind).toBe('retry')
    store.complete = complete
    expect(handled).toEqual(['m1'])
  })

  it('retries after close', async () => {
    const { once, again } = setup()
    await once.close()
    expect((await again()(delivery())).kind).toBe('retry')
  })
})
