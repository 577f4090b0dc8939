import 'reflect-metadata'
import { afterAll, describe, expect, it } from 'vitest'
import { currentOperation, Idempotent, idempotent } from '../../src/guards/decorator.ts'
import { type Once, onlyonce } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { COMPILERS, load, MODES, removeCompiled, typeErrors } from './compile.ts'
import type * as methods from './fixtures/methods.ts'
import type * as privateMethod from './fixtures/private-method.ts'

type Misuses = Record<string, (given: { Idempotent: typeof Idempotent; options: object }) => unknown>

afterAll(removeCompiled)

const engine = (): Once => onlyonce({ store: memoryStore(), scope: 'payments' })

describe.each(COMPILERS.flatMap((compiler) => MODES.map((mode) => ({ compiler, mode }))))(
  '@Idempotent, compiled by $compiler as $mode',
  ({ compiler, mode }) => {
    const order = { id: '1100', pence: 42 }
    async function setUp() {
      const { classes, runs } = await load<typeof methods>('methods', compiler, mode)
      const once = engine()
      return { once, runs, ...classes({ Idempotent, once }) }
    }

    it('runs a method once for each key, and keeps `this`, name and length', async () => {
      const { Payments, runs, once } = await setUp()
      const payments = new Payments('ann')
      const both = [await payments.pay(order, 'first'), await payments.pay(order, 'second')]
      expect(both).toEqual([
        { paid: 42, by: 'ann' },
        { paid: 42, by: 'ann' },
      ])
      await payments.pay({ id: '1101', pence: 1 })
      expect(runs).toEqual(['pay 1100 first', 'pay 1101 none'])
      expect([payments.pay.name, payments.pay.length]).toEqual(['pay', 1])
      expect((await once.find({ key: 'order:1100', scope: 'payments/pay' }))?.state).toBe('done')
    })

    it('binds the key to its payload', async () => {
      const { Payments } = await setUp()
      const payments = new Payments('ann')
      await payments.pay(order)
      await expect(payments.pay({ ...order, pence: 43 })).rejects.toMatchObject({ code: 'KEY_REUSED' })
    })

    it('methods with equal keys do not meet; options are those of the call', async () => {
      const { Payments, runs } = await setUp()
      const payments = new Payments('ann')
      await payments.pay(order)
      for (const _ of [1, 2]) await expect(payments.refund(order)).rejects.toThrow('no refund of 1100 today')
      expect(runs).toEqual(['pay 1100 none', 'refund 1100'])
    })

    it('works on static methods, with `this` in the key, and with an engine that is there later', async () => {
      const { Payments, runs } = await setUp()
      const [ann, bob] = [new Payments('ann'), new Payments('bob')]
      expect([await Payments.close('May'), await Payments.close('May')]).toEqual(
        Array(2).fill('closed May by the bank'),
      )
      expect([await ann.mine('1'), await bob.mine('1'), await ann.mine('1')]).toEqual(['ann 1', 'bob 1', 'ann 1'])
      expect([await ann.later('7'), await ann.later('7'), await ann.plain('8'), await ann.plain('8')]).toEqual([
        '7',
        '7',
        '8',
        '8',
      ])
      expect(runs).toEqual(['close May', 'mine ann 1', 'mine bob 1', 'later 7', 'plain 8'])
    })

    it('works on inherited methods, and calls of `super` are operations of their own', async () => {
      const { CardPayments, runs } = await setUp()
      const card = new CardPayments('card')
      expect([await card.pay(order), await card.pay(order)]).toEqual(Array(2).fill({ paid: 42, by: 'card' }))
      expect(await card.mine('1')).toBe('card 1')
      expect(runs).toEqual(['card 1100', 'pay 1100 card', 'mine card 1'])
    })

    it('says when a key cannot be made, and runs nothing', async () => {
      const { Payments, runs } = await setUp()
      const payments = new Payments('ann')
      const of = (given: unknown) => payments.pay(given as never)
      await expect(of({ pence: 1 })).rejects.toMatchObject({ code: 'KEY_INVALID' })
      await expect(of(undefined)).rejects.toMatchObject({
        code: 'KEY_INVALID',
        message: expect.stringContaining('key of pay'),
      })
      await expect(payments.later('')).rejects.toMatchObject({ code: 'KEY_MISSING' })
      expect(runs).toEqual([])
    })

    it('refuses misuse where the class is declared', async () => {
      const { misuses } = await load<{ misuses: Misuses }>('misuse', compiler, mode)
      const said = Object.entries(misuses).map(([name, declare]) => {
        try {
          declare({ Idempotent, options: { once: engine(), key: () => 'k' } })
          return `${name}: no error`
        } catch (error) {
          const { code, message } = error as { code?: string; message: string }
          return `${name}: ${code} ${message.slice(0, 70)}`
        }
      })
      expect(said.filter((line) => !line.includes(': OPTION_INVALID '))).toEqual([])
      expect(said).toHaveLength(14)
      const about = (name: string) => said.find((line) => line.startsWith(`${name}:`))
      expect(about('property')).toContain('is for methods, and "pay" is a property')
      expect(about('getter')).toContain('is for methods, and "pay" is a getter or setter')
      expect(about('class')).toContain('this is a class'.replace('this', mode === 'standard' ? '"A"' : 'this'))
      expect(about('method that is not async')).toContain('pay is not declared `async`')
      expect(about('missing key')).toContain('option `key` is required')
      expect(about('unknown option')).toContain('leaseMS')
      expect(about('second method of the same name')).toContain('two methods are called "twice"')
    })
  },
)

describe('@Idempotent', () => {
  it.each(COMPILERS)('works on private methods, compiled by %s', async (compiler) => {
    const { classes } = await load<typeof privateMethod>('private-method', compiler, 'standard')
    const once = engine()
    const { Payments } = classes({ Idempotent, once })
    const payments = new Payments()
    expect([await payments.pay('ab'), await payments.pay('ab')]).toEqual([3, 3])
    expect([await Payments.close('x'), await Payments.close('x')]).toEqual(['x 2', 'x 2'])
    expect((await once.find({ key: 'ab', scope: 'payments/#pay' }))?.state).toBe('done')
  })

  it.each(MODES)(
    'fits the types of the compiler in mode %s',
    (mode) => {
      expect(typeErrors('methods', mode)).toBe('')
    },
    60_000,
  )

  it('keeps what decorators below it have noted on the method', () => {
    const method = async () => 1
    Reflect.defineMetadata('route', '/pay', method)
    const descriptor = { value: method, writable: true, configurable: true }
    const made = Idempotent({ once: engine(), key: () => 'k' })({}, 'pay', descriptor)
    expect(Reflect.getMetadata('route', made.value as object)).toBe('/pay')
    expect(made).toMatchObject({ writable: true, configurable: true })
  })

  it('asks the business data first where it is told to', async () => {
    const asked: unknown[] = []
    const check = async (op: unknown) => {
      asked.push(op)
      return { happened: true, value: 'coupon' } as const
    }
    const descriptor = { value: async (id: string) => `new ${id}` }
    const made = Idempotent({ once: engine(), key: (id: string) => id, check })({}, 'grant', descriptor)
    expect(await made.value?.('1100')).toBe('coupon')
    expect(asked).toEqual([{ scope: 'payments/grant', key: '1100' }])
  })

  it('hands its operation to whoever asks inside of it, the innermost one first', async () => {
    const once = engine()
    const seen: unknown[] = []
    const note = () => seen.push(currentOperation()?.key)
    const inner = idempotent(async (_id: string) => void note(), { once, scope: 'inner', key: (id) => `inner:${id}` })
    const descriptor = {
      value: async (id: string) => {
        note()
        await Promise.all([inner(id), currentOperation()?.step('charge', note)])
        note()
        return currentOperation()?.child('charge')
      },
    }
    const made = Idempotent({ once, key: (id: string) => id })({}, 'pay', descriptor)
    const children = await Promise.all([made.value?.('a'), made.value?.('b')])
    expect([...seen].sort()).toEqual(['a', 'a', 'a', 'b', 'b', 'b', 'inner:a', 'inner:b'])
    expect(children[0]).toMatch(/^[0-9a-f]{32}$/)
    expect(children[1]).not.toBe(children[0])
    expect(currentOperation()).toBeUndefined()
  })
})
