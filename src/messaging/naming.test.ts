import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { delivery, setup } from '../../test/inbox-kit.ts'
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
