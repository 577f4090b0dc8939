import { Code, ConnectError } from '@connectrpc/connect'
import { afterEach, expect, it } from 'vitest'
import { storedValue } from '../../src/core/result.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { closeAll, guardedShop, keyed, PROTOCOLS, shopClient } from './server.ts'

afterEach(closeAll)

const damaged = { message: Uint8Array.of(0xff), header: [], trailer: [] }

it.each(
  PROTOCOLS.flatMap((protocol) => [
    [protocol, 'without an answer', undefined, Code.AlreadyExists, 'RESULT_UNSERIALIZABLE'] as const,
    [protocol, 'with an answer that cannot be read', damaged, Code.FailedPrecondition, 'OUTCOME_UNKNOWN'] as const,
  ]),
)('on %s a call that a person resolved %s is not made again', async (protocol, _, value, code, ours) => {
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
  expect(await store.complete([{ lease, result: storedValue(value), retentionMs: 60_000 }])).toEqual(['ok'])
  release()
  await first
  const error = (await client.place({ id: 'a' }, keyed('k')).catch(ConnectError.from)) as ConnectError
  expect([error.code, error.metadata.get('onlyonce-code'), shop.runs]).toEqual([code, ours, { Place: 1 }])
})
