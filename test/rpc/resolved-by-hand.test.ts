import { Code, ConnectError } from '@connectrpc/connect'
import { afterEach, expect, it } from 'vitest'
import { storedValue } from '../../src/core/result.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { closeAll, guardedShop, keyed, PROTOCOLS, shopClient } from './server.ts'

afterEach(closeAll)

it.each(PROTOCOLS)(
  'a call that a person resolved without an answer happened: it was not kept (%s)',
  async (protocol) => {
    const store = memoryStore()
    let release = () => {}
    const shop = await guardedShop(
      () => new Promise((resolve) => (release = () => resolve({ number: 1 }))),
      {},
      { store, onInFlight: 'reject' },
    )
    const client = shopClient(shop.port, protocol)
    const first = client.place({ id: 'a' }, keyed('k')).catch(ConnectError.from)
    await expect.poll(() => shop.runs).toEqual({ Place: 1 })
    const [record] = (await store.list({ limit: 1 })).items
    if (record === undefined) throw new Error('nothing was claimed')
    const { id, owner, fence } = record
    const lease = { id, owner, fence }
    expect(await store.complete([{ lease, result: storedValue(undefined), retentionMs: 60_000 }])).toEqual(['ok'])
    release()
    await first
    const error = (await client.place({ id: 'a' }, keyed('k')).catch(ConnectError.from)) as ConnectError
    expect([error.code, error.metadata.get('onlyonce-code'), shop.runs]).toEqual([
      Code.AlreadyExists,
      'RESULT_UNSERIALIZABLE',
      { Place: 1 },
    ])
  },
)
