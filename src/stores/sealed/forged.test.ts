import { expect, it } from 'vitest'
import { encodeResult } from '../../core/codec.ts'
import { onlyonce } from '../../core/engine.ts'
import { operationId } from '../../core/key.ts'
import type { Lease, StoredResult } from '../../core/record.ts'
import { memoryStore } from '../memory/index.ts'
import { sealedStore } from './index.ts'

const NOTHING = encodeResult(undefined)

/** A store that somebody without a key writes to: they claim as anybody may, and write what they like. */
function writable() {
  const base = memoryStore()
  const store = sealedStore(base, { keys: [{ id: 'k', secret: new Uint8Array(32).fill(1) }] })
  const once = onlyonce({ store, scope: 'orders' })
  const times = { leaseMs: 1_000, retentionMs: 60_000 }
  async function claim(key: string): Promise<Lease> {
    const id = operationId('orders', key)
    const [outcome] = await base.claim([{ id, scope: 'orders', key, fingerprint: '', owner: 'forger', ...times }])
    if (outcome?.kind !== 'granted') throw new Error(`it is ${outcome?.kind}`)
    return outcome.lease
  }
  async function forgeStep(key: string, name: string): Promise<void> {
    const lease = await claim(key)
    await base.renew([{ lease, ...times, steps: [{ name, result: NOTHING }] }])
    await base.release([lease])
  }
  async function forgeResult(key: string, kind: StoredResult['kind']): Promise<void> {
    await base.complete([{ lease: await claim(key), result: { kind, body: NOTHING }, retentionMs: 60_000 }])
  }
  return { store, once, forgeStep, forgeResult }
}

it('a step that somebody without a key wrote is not skipped: nothing runs, and the caller is told', async () => {
  const { store, once, forgeStep } = writable()
  await forgeStep('order:1', 'charge')
  const paying = once('order:1', async (op) => {
    await op.step('charge', () => 'charged')
    return 'shipped without a charge'
  })
  await expect(paying).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
  await expect(store.find([operationId('orders', 'order:1')])).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
})

it.each(['error', 'unstorable', 'unknown'] as const)(
  'a result of kind %s is never taken in the clear',
  async (kind) => {
    const { once, forgeResult } = writable()
    await forgeResult('order:1', kind)
    const called = once('order:1', () => expect.fail('it ran again'))
    await expect(called).rejects.toThrow('sealed by a key that is not here, or not at all')
  },
)

it('that there is no value is taken in the clear, as an atomic claim writes it', async () => {
  const { once, forgeResult } = writable()
  await forgeResult('order:1', 'value')
  expect(await once('order:1', () => expect.fail('it ran again'))).toBeUndefined()
})
