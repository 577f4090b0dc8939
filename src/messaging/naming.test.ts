import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { delivery, setup } from '../../test/inbox-kit.ts'
import { onlyonce } from '../core/engine.ts'
import { naming, scopeWithin } from './naming.ts'

const tenant = ({ headers }: { readonly headers: Readonly<Record<string, string>> }) => headers.tenant ?? ''
const of = (name: string, change = {}) => delivery({ headers: { tenant: name }, ...change })

interface Triple {
  readonly engine: string
  readonly part: string | undefined
  readonly name: string
}

/** Each pair is one text when a delimiter in a part is taken for what it looks like. */
const ALIKE: [Triple, Triple][] = [
  [
    { engine: 'a', part: 'x/inbox:y', name: 'n' },
    { engine: 'a/inbox:x', part: 'y', name: 'n' },
  ],
  [
    { engine: 'a', part: 'b%2Fc', name: 'n' },
    { engine: 'a', part: 'b/c', name: 'n' },
  ],
  [
    { engine: 'a', part: undefined, name: 'n' },
    { engine: 'a', part: 'inbox', name: 'n' },
  ],
]

describe("inbox with key: 'coordinates'", () => {
  it('takes a message without an id, once for each place in the broker', async () => {
    const { receive, handled } = setup({
      key: 'coordinates',
      handle: ({ coordinates }) => handled.push(coordinates ?? ''),
    })
    const first = delivery({ id: '', coordinates: 'orders/0/17' })
    expect(await receive(first)).toEqual({ kind: 'ack' })
    expect(await receive({ ...first, redelivered: true })).toEqual({ kind: 'ack' })
    expect(await receive({ ...first, coordinates: 'orders/0/18' })).toEqual({ kind: 'ack' })
    expect(handled).toEqual(['orders/0/17', 'orders/0/18'])
    expect(await receive.readmit('orders/0/17')).toBe(true)
  })

  it('does not look at the id', async () => {
    const { receive, handled } = setup({ key: 'coordinates' })
    await receive(delivery({ id: 'm1', coordinates: '7' }))
    await receive(delivery({ id: 'm2', coordinates: '7' }))
    expect(handled).toEqual(['m1'])
  })

  it('parks what a broker without coordinates hands over', async () => {
    const { receive, handled } = setup({ key: 'coordinates' })
    expect(await receive(delivery())).toMatchObject({
      kind: 'dead-letter',
      reason: expect.stringContaining('no coordinates'),
    })
    expect(handled).toEqual([])
  })
})

describe('inbox with a scope of the delivery', () => {
  it('keeps equal ids of two tenants apart', async () => {
    const { receive, handled } = setup({
      scope: tenant,
      handle: (message) => handled.push(message.headers.tenant ?? ''),
    })
    for (const name of ['a', 'b', 'a']) expect(await receive(of(name))).toEqual({ kind: 'ack' })
    expect(handled).toEqual(['a', 'b'])
  })

  it('lets no tenant wait for the message of another with an equal id', async () => {
    const { runtime, receive } = setup({
      scope: tenant,
      handle: ({ headers }) =>
        headers.tenant === 'slow' && new Promise<void>((resolve) => runtime.after(5_000, resolve)),
    })
    const slow = receive(of('slow'))
    await runtime.advance(10)
    const others = ['a', 'b'].map((name) => receive(of(name, { redelivered: true })))
    expect(await Promise.all(others)).toEqual([{ kind: 'ack' }, { kind: 'ack' }])
    await runtime.advance(5_000)
    expect(await slow).toEqual({ kind: 'ack' })
  })

  it('readmits the message of one tenant and leaves that of the other', async () => {
    const { receive, handled } = setup({
      scope: tenant,
      handle: (message) => handled.push(message.headers.tenant ?? ''),
    })
    await receive(of('a'))
    await receive(of('b'))
    expect(await receive.readmit('m1')).toBe(false)
    expect(await receive.readmit('m1', 'a')).toBe(true)
    for (const name of ['a', 'b']) await receive(of(name, { redelivered: true }))
    expect(handled).toEqual(['a', 'b', 'a'])
  })

  it.each(['', ' ', 'undefined', '\ud800', 'x'.repeat(100_000)])(
    'parks a message whose scope is no name (%#)',
    async (part) => {
      const { receive, handled } = setup({ scope: () => part })
      expect((await receive(delivery())).kind).toBe('dead-letter')
      expect(handled).toEqual([])
    },
  )

  it('parks a message whose scope function throws', async () => {
    const { receive } = setup({ scope: () => JSON.parse('{') })
    expect((await receive(delivery())).kind).toBe('dead-letter')
  })

  it('keeps long scopes apart that begin alike', () => {
    const alike = 'é'.repeat(200)
    const scopes = [`${alike}1`, `${alike}2`].map((part) => scopeWithin('shop/inbox/coupons', part))
    expect(new Set(scopes).size).toBe(2)
    for (const scope of scopes) expect(scope.length).toBeLessThan(150)
  })

  it.each([1, 60, 150, 195, 200, 201, 255])('takes a part of %i characters beside a long consumer', async (length) => {
    const { runtime, store } = setup()
    const once = onlyonce({ store, scope: 'orders-service-production-eu-west-1', runtime })
    const { receive, handled } = setup({ once, name: 'order-paid-projector', scope: tenant })
    for (const letter of ['t', '中'])
      expect(await receive(of(letter.repeat(length), { id: letter }))).toEqual({ kind: 'ack' })
    expect(handled).toEqual(['t', '中'])
  })

  it('leaves a scope readable wherever it fits, and takes the longest consumer that leaves room for a hash', () => {
    const consumer = `${'e'.repeat(100)}/inbox/n`
    const room = 255 - consumer.length - 1
    expect(scopeWithin(consumer, 'p'.repeat(room))).toContain(`:${'p'.repeat(room)}`)
    expect(scopeWithin(consumer, 'p'.repeat(room + 1))).toMatch(/#[0-9a-f]{64}/)
    const longest = onlyonce({ store: setup().store, scope: 'e'.repeat(182) })
    setup({ once: longest, name: 'n', scope: tenant })
    const tooLong = onlyonce({ store: setup().store, scope: 'e'.repeat(183) })
    setup({ once: tooLong, name: 'n' })
    expect(() => setup({ once: tooLong, name: 'n', scope: tenant })).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining('`scope`') }),
    )
  })

  it('never makes one scope of two, whatever delimiters they have', () => {
    const tricky = fc.string({ unit: fc.constantFrom('/', ':', '#', '%', '3', 'A', 'inbox', 'a'), minLength: 1 })
    const engine = tricky
    const name = tricky.map((text) => text.replaceAll('/', '_'))
    const triple = fc.record({ engine, part: fc.option(tricky, { nil: undefined }), name })
    const scopeOf = ({ engine, part, name }: Triple) =>
      naming(`${engine}/inbox/${name}`, part === undefined ? {} : { scope: () => part })(delivery()).scope
    fc.assert(
      fc.property(triple, triple, (one, other) => {
        const same = one.engine === other.engine && one.part === other.part && one.name === other.name
        expect(scopeOf(one) === scopeOf(other)).toBe(same)
      }),
      { numRuns: 2_000, examples: ALIKE },
    )
  })
})
