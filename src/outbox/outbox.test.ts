import { describe, expect, it } from 'vitest'
import type { OutboxMessage, TransactionalStore } from '../core/store.ts'
import { memoryStore } from '../stores/memory/index.ts'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { type NewMessage, type Outbox, outbox } from './outbox.ts'

function setup(options = {}) {
  const added: { tx: string; messages: readonly OutboxMessage[] }[] = []
  const base = memoryStore()
  const store = {
    ...base,
    traits: { ...base.traits, transactional: true },
    outbox: {
      append: async (tx: string, messages: readonly OutboxMessage[]) => void added.push({ tx, messages }),
      stats: async () => ({ waiting: 7, parked: 1, oldestMs: 1_000 }),
      parked: async (limit: number, after: number) => [{ limit, after }],
    },
  } as unknown as TransactionalStore<string>
  return { added, box: outbox(store, { runtime: fakeRuntime(), ...options }) }
}

describe('outbox', () => {
  it('adds one message in the given transaction and answers its id', async () => {
    const { box, added } = setup()
    const id = await box.add('tx1', { topic: 'orders', body: { cents: 100 }, orderingKey: 'o1', headers: { a: 'b' } })
    expect(id).toMatch(/^[0-9a-f]{32}$/)
    const [call] = added
    expect(call?.tx).toBe('tx1')
    expect(call?.messages).toEqual([
      { id, topic: 'orders', body: new TextEncoder().encode('{"cents":100}'), headers: { a: 'b' }, orderingKey: 'o1' },
    ])
  })

  it('adds many in one step, with the ids that were given, and nothing for none', async () => {
    const { box, added } = setup()
    const body = Uint8Array.of(1, 2)
    expect(
      await box.add('tx', [
        { id: 'a', topic: 't', body },
        { id: 'b', topic: 't', body: null },
      ]),
    ).toEqual(['a', 'b'])
    expect(await box.add('tx', [])).toEqual([])
    expect(added).toHaveLength(1)
    body[0] = 9
    expect(added[0]?.messages.map((one) => [...one.body])).toEqual([[1, 2], [...Buffer.from('null')]])
  })

  it('derives ids from the operation and the place, the same on every run and in every outbox', async () => {
    const { box, added } = setup()
    const run = async (key: string, other = box) => {
      const op = { child: (name: string) => `${key} ${name}` }
      const first = await box.add('tx', { topic: 't', body: 1 }, op)
      const rest = await other.add(
        'tx',
        [
          { topic: 't', body: 2 },
          { id: 'own', topic: 't', body: 3 },
          { topic: 't', body: 4 },
        ],
        op,
      )
      return [first, ...rest]
    }
    const ids = await run('o1')
    expect(await run('o1', setup().box)).toEqual(ids)
    expect(new Set([...ids, ...(await run('o2'))]).size).toBe(7)
    expect(ids[2]).toBe('own')
    expect(added[0]?.messages[0]?.id).toBe(ids[0])
  })

  it('refuses what is no operation', async () => {
    const { box, added } = setup()
    for (const op of [null, {}, 'op']) {
      await expect(box.add('tx', { topic: 't', body: 1 }, op as never)).rejects.toMatchObject({
        code: 'OPTION_INVALID',
        message: expect.stringContaining('`op`'),
      })
    }
    expect(added).toEqual([])
  })

  it.each([
    ['limit', (box: Outbox<string>) => box.parked({ limit: 0 })],
    ['after', (box: Outbox<string>) => box.parked({ after: -1 })],
    ['limt', (box: Outbox<string>) => box.parked({ limt: 1 } as never)],
    ['positions', (box: Outbox<string>) => box.unpark(['1'] as never)],
    ['positions', (box: Outbox<string>) => box.discard(7 as never)],
  ])('refuses bad %s', async (name, call) => {
    await expect(call(setup().box)).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining(`\`${name}\``),
    })
  })

  it('takes null for no page, and no number', async () => {
    const { box } = setup()
    expect(await box.parked(null as never)).toEqual([{ limit: 100, after: 0 }])
    await expect(box.parked(5 as never)).rejects.toThrow('options must be an object with limit, after; got a number')
  })

  it('takes a list of positions only, and says so', async () => {
    const { box } = setup()
    for (const wrong of [17, ['17'], [-1], undefined]) {
      for (const call of [box.unpark(wrong as never), box.discard(wrong as never)]) {
        await expect(call).rejects.toMatchObject({
          code: 'OPTION_INVALID',
          message: expect.stringContaining(
            'option `positions` must be a list of what `parked` answered as `position`: numbers',
          ),
        })
      }
    }
    await expect(box.parked({ after: '17' as never })).rejects.toThrow('option `after` must be what `parked` answered')
  })

  it('tells how many wait', async () => {
    expect(await setup().box.stats()).toEqual({ waiting: 7, parked: 1, oldestMs: 1_000 })
  })

  const cyclic: Record<string, unknown> = {}
  cyclic.self = cyclic
  it.each([
    ['topic', { topic: '', body: 1 }],
    ['topic', { topic: 't'.repeat(256), body: 1 }],
    ['id', { id: ' ', topic: 't', body: 1 }],
    ['id', { id: '\ud800', topic: 't', body: 1 }],
    ['key', { key: 'order:1', topic: 't', body: 1 }],
    ['orderKey', { orderKey: 'order:1', topic: 't', body: 1 }],
    ['id', { id: `order:${undefined}`, topic: 't', body: 1 }],
    ['orderingKey', { orderingKey: `order:${{}}`, topic: 't', body: 1 }],
    ['orderingKey', { orderingKey: 7, topic: 't', body: 1 }],
    ['headers', { headers: { a: 1 }, topic: 't', body: 1 }],
    ['headers', { headers: null, topic: 't', body: 1 }],
    ['headers', { headers: new Map([['tenant', 'a']]), topic: 't', body: 1 }],
    ['headers', { headers: new Headers({ tenant: 'a' }), topic: 't', body: 1 }],
    ['headers', { headers: ['tenant', 'a'], topic: 't', body: 1 }],
    ['headers', { headers: { a: 'x'.repeat(17_000) }, topic: 't', body: 1 }],
    ['body', { topic: 't', body: undefined }],
    ['body', { topic: 't', body: Number.NaN }],
    ['body', { topic: 't', body: { deep: [new Map()] } }],
    ['body', { topic: 't', body: 1n }],
    ['body', { topic: 't', body: Promise.resolve({ order: 1 }) }],
    ['body', { topic: 't', body: new Error('no order') }],
    ['body', { topic: 't', body: new URLSearchParams('a=1') }],
    ['body', { topic: 't', body: { file: new ArrayBuffer(4) } }],
    ['body', { topic: 't', body: { at: new Date(Number.NaN) } }],
    ['body', { topic: 't', body: [undefined] }],
    ['body', { topic: 't', body: cyclic }],
    ['body', { topic: 't', body: 'x'.repeat(2_000_000) }],
  ])('refuses a message with a bad %s and adds nothing', async (name, message) => {
    const { box, added } = setup()
    await expect(box.add('tx', message as unknown as NewMessage)).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining(`message.${name}`),
    })
    expect(added).toEqual([])
  })

  it.each([undefined, null])('needs an open transaction, not %j', async (tx) => {
    const { added, box } = setup()
    await expect(box.add(tx as never, { topic: 't', body: 1 })).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining('option `tx` must be the open transaction'),
    })
    expect(added).toEqual([])
  })

  it.each([{ topic: 't', body: 1 }, [{ topic: 't', body: 1 }]])(
    'needs a transaction in front of %j',
    async (message) => {
      const { added, box } = setup()
      await expect((box.add as (message: unknown) => Promise<unknown>)(message)).rejects.toMatchObject({
        code: 'OPTION_INVALID',
        message: expect.stringContaining('option `tx` must be the open transaction'),
      })
      expect(added).toEqual([])
    },
  )

  it('needs a transactional store', () => {
    expect(() => outbox(memoryStore() as unknown as TransactionalStore<string>)).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringMatching(/got the memory store$/) }),
    )
    expect(() => outbox({ pool: 1 } as never)).toThrow(/must be transactional.*got \{ pool \}$/)
    expect(() => setup({ maxBodyBytes: 0 })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    expect(() => setup({ runtime: fakeRuntime })).toThrow(/option `runtime` must be a Runtime/)
    const unknown = { maxBodyByte: 3 }
    expect(() => setup(unknown)).toThrow(/option `maxBodyByte` is not an option; there are maxBodyBytes, runtime$/)
  })
})
