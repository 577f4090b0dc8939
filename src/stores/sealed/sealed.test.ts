import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { onlyonce } from '../../core/engine.ts'
import type { StoredResult } from '../../core/record.ts'
import type { Store } from '../../core/store.ts'
import { fakeRuntime } from '../../testing/fake-runtime.ts'
import { memoryStore } from '../memory/index.ts'
import { type SealKey, sealedStore } from './index.ts'

const [first, second] = ['first', 'second'].map((id): SealKey => ({ id, secret: randomBytes(32) })) as [
  SealKey,
  SealKey,
]

/** A memory store whose stored results somebody else can change. */
function writable() {
  const runtime = fakeRuntime()
  const store = memoryStore({ runtime })
  let change: (result: StoredResult, id: string) => StoredResult = (result) => result
  const tampered: Store = {
    ...store,
    async claim(requests) {
      const outcomes = await store.claim(requests)
      return outcomes.map((one) => (one.kind === 'done' ? { ...one, result: change(one.result, one.id) } : one))
    },
  }
  const open = (keys: readonly SealKey[] = [first]) =>
    onlyonce({ store: sealedStore(tampered, { keys }), scope: 'test', runtime })
  const stored = async () => (await store.list({ limit: 10 })).items.map((record) => record.result as StoredResult)
  return { open, stored, tamper: (how: typeof change) => (change = how) }
}

const never = () => {
  throw new Error('it ran again')
}

it.each([undefined, {}, () => {}])('needs a store to seal (%#)', (store) => {
  expect(() => sealedStore(store as never, { keys: [first] })).toThrow(
    expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringMatching(/^option `store` is required/) }),
  )
})

it('answers what was stored, and stores nothing that can be read', async () => {
  const { open, stored } = writable()
  await open()('card', () => ({ number: '4242 4242 4242 4242' }))
  expect(await open()('card', never)).toEqual({ number: '4242 4242 4242 4242' })
  const [result] = await stored()
  expect(Buffer.from(result?.body ?? []).toString('latin1')).not.toContain('4242')
})

it('fails closed on every changed byte: nothing is answered, nothing runs again', async () => {
  const { open, stored, tamper } = writable()
  await open()('card', () => 'paid')
  const length = (await stored())[0]?.body.length ?? 0
  expect(length).toBeGreaterThan(30)
  for (let at = 0; at < length; at++) {
    tamper(({ kind, body }) => ({ kind, body: body.map((byte, index) => (index === at ? byte ^ 1 : byte)) }))
    await expect(open()('card', never)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
  }
  tamper(({ kind, body }) => ({ kind, body: body.subarray(0, -1) }))
  await expect(open()('card', never)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
})

it('does not take a result of another operation, another kind, or in the clear', async () => {
  const { open, stored, tamper } = writable()
  await open()('mine', () => 'mine')
  await open()('theirs', () => 'theirs')
  const both = await stored()
  tamper(
    (result) =>
      both.find((one) => one.body !== result.body && !Buffer.from(one.body).equals(result.body)) as StoredResult,
  )
  await expect(open()('mine', never)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
  tamper((result) => ({ ...result, kind: 'error' }))
  await expect(open()('mine', never)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
  tamper((result) => ({ ...result, body: new TextEncoder().encode('"made up"') }))
  await expect(open()('mine', never)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
})

it('takes a new key in front, and the old one out when nothing needs it', async () => {
  const { open } = writable()
  await open([first])('old', () => 1)
  await open([second, first])('new', () => 2)
  expect(await open([second, first])('old', never)).toBe(1)
  expect(await open([second])('new', never)).toBe(2)
  await expect(open([second])('old', never)).rejects.toThrow('a key that is not here')
})

it('seals steps as well', async () => {
  const { open } = writable()
  let charged = 0
  const pay = (fail: boolean) =>
    open()('order', async (op) => {
      const receipt = await op.step('charge', () => ({ receipt: ++charged }))
      if (fail) throw new Error('died')
      return receipt
    })
  await expect(pay(true)).rejects.toThrow('died')
  expect(await pay(false)).toEqual({ receipt: 1 })
})

it.each([
  [{ keys: [first], key: second }, '`key` is not an option'],
  [{}, 'option `keys`'],
  [undefined, 'option `keys`'],
  [null, 'option `keys`'],
])('the options %# are refused', (options, word) => {
  expect(() => sealedStore(memoryStore(), options as never)).toThrow(word)
})

it.each([
  [[], 'list'],
  [[{ id: 'a b', secret: randomBytes(32) }], 'id'],
  [[{ id: 'a', secret: randomBytes(16) }], '32 bytes'],
  [[first, { ...second, id: 'first' }], 'id of its own'],
])('keys %# are refused', (keys, word) => {
  expect(() => sealedStore(memoryStore(), { keys })).toThrow(word)
})

it.each(['a', 'k'.repeat(32)])(
  'is told as sealed to who reads it without the key %s, and not as damaged',
  async (id) => {
    const store = memoryStore()
    const sealed = onlyonce({ store: sealedStore(store, { keys: [{ id, secret: randomBytes(32) }] }), scope: 'test' })
    await sealed('card', () => 1)
    await sealed('declined', never, { onThrow: 'remember' }).catch(() => {})
    const bare = onlyonce({ store, scope: 'test' })
    for (const key of ['card', 'declined']) {
      const message = expect.stringMatching(`is sealed with the key ${id} .* it is not damaged: .* do not forget`)
      await expect(bare(key, never)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN', message })
    }
  },
)
