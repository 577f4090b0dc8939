import { Code, ConnectError, createContextKey, type Interceptor } from '@connectrpc/connect'
import { afterEach, describe, expect, it } from 'vitest'
import { OnlyonceError, onlyonce } from '../../src/index.ts'
import { idempotency, type RpcIdempotencyOptions } from '../../src/rpc/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { fakeRuntime, faultyStore } from '../../src/testing/index.ts'
import { closeAll, guardedShop, keyed, numbered, serveShop, shopClient } from './server.ts'

afterEach(closeAll)

const order = { id: 'a', amount: 42 }
const failure = async (call: Promise<unknown>): Promise<ConnectError> => {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (error instanceof ConnectError) return error
  throw new Error(`expected a ConnectError, got ${String(error)}`)
}
const ourCode = (error: ConnectError) => error.metadata.get('onlyonce-code')

describe('which calls are guarded', () => {
  it('not those of methods that say they are idempotent, unless asked for', async () => {
    const free = await guardedShop(numbered())
    const client = shopClient(free.port, 'connect')
    for (const method of ['read', 'put'] as const) for (const _ of [1, 2]) await client[method](order, keyed('k'))
    expect(free.runs).toEqual({ Read: 2, Put: 2 })
    const forced = await guardedShop(numbered(), { methods: ({ procedure }) => procedure === 'shop.v1.Shop/Put' })
    const other = shopClient(forced.port, 'connect')
    for (const method of ['place', 'put'] as const) for (const _ of [1, 2]) await other[method](order, keyed('k'))
    expect(forced.runs).toEqual({ Place: 2, Put: 1 })
  })

  it('not those without a key, unless one is required', async () => {
    const free = await guardedShop(numbered())
    for (const _ of [1, 2]) await shopClient(free.port, 'grpc').place(order)
    expect(free.runs).toEqual({ Place: 2 })
    const required = [true, ({ procedure }: { procedure: string }) => procedure.endsWith('/Place')]
    for (const one of required) {
      const strict = await guardedShop(numbered(), { required: one })
      const error = await failure(shopClient(strict.port, 'grpc').place(order))
      expect([error.code, ourCode(error), strict.runs]).toEqual([Code.InvalidArgument, 'KEY_MISSING', {}])
    }
  })

  it('a stream is refused where it would be guarded, and passed on where that was said', async () => {
    const read = async (port: number, options: object) => {
      const all: number[] = []
      for await (const { number = 0 } of shopClient(port, 'grpc').watch(order, options)) all.push(number)
      return all
    }
    const strict = await guardedShop(numbered())
    const error = await failure(read(strict.port, keyed('k')))
    expect([error.code, ourCode(error), strict.runs]).toEqual([Code.Internal, 'OPTION_INVALID', {}])
    expect(await read(strict.port, {})).toEqual([1])
    const loose = await guardedShop(numbered(), { streams: 'pass', required: true })
    expect([await read(loose.port, keyed('k')), await read(loose.port, {})]).toEqual([[1], [2]])
  })
})

describe('the key', () => {
  it.each(['', 'a,b', 'a b', '"open', 'ключ', 'x'.repeat(256), 'order:undefined'])('%j is refused', async (key) => {
    const header: Interceptor = (next) => (request) => {
      // As a client of another language may send it.
      Object.defineProperty(request.header, 'get', {
        value: (name: string) => (name === 'idempotency-key' ? key : null),
      })
      return next(request)
    }
    const once = onlyonce({ store: memoryStore(), scope: 'shop' })
    const shop = await serveShop(numbered(), [header, idempotency(once, { scope: 'public' })])
    const error = await failure(shopClient(shop.port, 'connect').place(order))
    expect(error.code).toBe(Code.InvalidArgument)
    expect(ourCode(error)).toMatch(/^KEY_/)
    expect(shop.runs).toEqual({})
  })

  it('quoted and bare is the same, and sent twice it is refused', async () => {
    const shop = await guardedShop(numbered())
    const client = shopClient(shop.port, 'grpc')
    for (const key of ['k', '"k"']) expect(await client.place(order, keyed(key))).toMatchObject({ number: 1 })
    const headers = new Headers([
      ['idempotency-key', 'k'],
      ['idempotency-key', 'l'],
    ])
    expect((await failure(client.place(order, { headers }))).code).toBe(Code.InvalidArgument)
  })

  it('can be one of the business', async () => {
    const shop = await guardedShop(numbered(), { key: ({ message }) => `order-${Object(message).id}` })
    for (const _ of [1, 2]) await shopClient(shop.port, 'connect').place(order)
    await shopClient(shop.port, 'connect').place({ ...order, id: 'b' })
    expect(shop.runs).toEqual({ Place: 2 })
  })
})

describe('the scope', () => {
  const user = createContextKey('')
  const authenticates: Interceptor = (next) => (request) => {
    request.contextValues.set(user, request.header.get('authorization') ?? '')
    return next(request)
  }
  const shopFor = async (scope: RpcIdempotencyOptions['scope']) => {
    const once = onlyonce({ store: memoryStore(), scope: 'shop' })
    return serveShop(numbered(), [authenticates, idempotency(once, { scope, methods: () => true })])
  }

  it('keeps users apart, and methods', async () => {
    const shop = await shopFor(({ contextValues }) => contextValues.get(user))
    const client = shopClient(shop.port, 'connect')
    const by = (authorization: string) => keyed('k', { authorization })
    for (const _ of [1, 2]) {
      expect(await client.place(order, by('ann'))).toMatchObject({ number: 1 })
      expect(await client.place(order, by('bob'))).toMatchObject({ number: 2 })
      expect(await client.put(order, by('ann'))).toMatchObject({ number: 3 })
    }
  })

  it.each(['', 'user:undefined'])('%j is nobody: the call is not made', async (who) => {
    const shop = await shopFor(() => who)
    const error = await failure(shopClient(shop.port, 'connect').place(order, keyed('k')))
    expect([error.code, ourCode(error), shop.runs]).toEqual([Code.Internal, 'OPTION_INVALID', {}])
  })

  it('function that refuses the caller is heard', async () => {
    const shop = await shopFor(() => {
      throw new ConnectError('who are you', Code.Unauthenticated)
    })
    expect((await failure(shopClient(shop.port, 'connect').place(order, keyed('k')))).code).toBe(Code.Unauthenticated)
  })
})

describe('the request', () => {
  it('is the same whatever the order of its maps, at any depth', async () => {
    const shop = await guardedShop(numbered())
    const client = shopClient(shop.port, 'grpc')
    const made = (names: readonly string[]) => {
      const labels = Object.fromEntries(names.map((name) => [name, name]))
      const inner = { id: 'i', labels, extra: { list: [labels], ...labels } }
      return {
        ...order,
        labels,
        parts: [inner],
        extra: { deep: labels },
        choice: { case: 'gift' as const, value: inner },
      }
    }
    const first = await client.place(made(['b', 'a', 'c']), keyed('k'))
    expect(await client.place(made(['c', 'b', 'a']), keyed('k'))).toEqual(first)
    expect(shop.runs).toEqual({ Place: 1 })
    const other = { ...made(['a', 'b', 'c']), parts: [{ id: 'i', labels: { a: 'b', b: 'a', c: 'c' } }] }
    expect(ourCode(await failure(client.place(other, keyed('k'))))).toBe('KEY_REUSED')
  })

  it('is the same in JSON and in binary', async () => {
    const shop = await guardedShop(numbered())
    for (const protocol of ['connect', 'connect+json', 'grpc', 'grpc-web'] as const)
      expect(await shopClient(shop.port, protocol).place(order, keyed('k'))).toMatchObject({ number: 1 })
  })
})

describe('errors of the handler', () => {
  const FINAL = ['InvalidArgument', 'NotFound', 'AlreadyExists', 'FailedPrecondition', 'OutOfRange']
  const names = Object.keys(Code).filter((name) => Number.isNaN(Number(name)))
  it.each(names)('%s', async (name) => {
    const code = Code[name as keyof typeof Code]
    const shop = await guardedShop(() => {
      throw new ConnectError('no', code)
    })
    const client = shopClient(shop.port, 'grpc')
    for (const _ of [1, 2])
      expect(await failure(client.place(order, keyed('k')))).toMatchObject({ code, rawMessage: 'no' })
    expect(shop.runs).toEqual({ Place: FINAL.includes(name) ? 1 : 2 })
  })

  it('that are no ConnectError free the key, whatever the engine does with errors', async () => {
    let asked = 0
    const shop = await guardedShop(
      () => {
        throw new OnlyonceError('KEY_REUSED', 'of another engine, inside')
      },
      { outcome: () => (asked++ === 0 ? 'final' : undefined) },
      { onThrow: 'remember' },
    )
    const client = shopClient(shop.port, 'connect')
    for (const _ of [1, 2]) {
      const error = await failure(client.place(order, keyed('k')))
      expect([error.code, ourCode(error)]).toEqual([Code.Internal, null])
    }
    expect([shop.runs, asked]).toEqual([{ Place: 2 }, 0])
  })

  it('are judged by `outcome` where that has an opinion', async () => {
    const shop = await guardedShop(
      ({ id }) => {
        throw new ConnectError('no', id === 'a' ? Code.Internal : Code.NotFound)
      },
      { outcome: ({ code }) => (code === Code.Internal ? 'final' : code === Code.NotFound ? 'release' : undefined) },
    )
    const client = shopClient(shop.port, 'connect')
    for (const id of ['a', 'a', 'b', 'b']) await failure(client.place({ id }, keyed(id)))
    expect(shop.runs).toEqual({ Place: 3 })
  })
})

describe('what throws after the handler has run is reported, and does not make it run again', () => {
  it('`outcome`: the code decides', async () => {
    const reported: unknown[] = []
    const shop = await guardedShop(
      ({ id }) => {
        throw new ConnectError('no', id === 'a' ? Code.NotFound : Code.Unavailable)
      },
      {
        outcome() {
          throw new Error('of the user')
        },
      },
      { onListenerError: (error) => reported.push(String(error)) },
    )
    const client = shopClient(shop.port, 'connect')
    for (const id of ['a', 'a', 'b', 'b'])
      expect((await failure(client.place({ id }, keyed(id)))).rawMessage).toBe('no')
    expect(shop.runs).toEqual({ Place: 3 })
    expect(reported).toEqual(Array(3).fill('Error: of the user'))
  })

  it('an answer without bytes: its duplicates are told that it was not kept', async () => {
    const reported: unknown[] = []
    const shop = await guardedShop(() => ({ number: 0.5 }), {}, { onListenerError: (error) => reported.push(error) })
    const client = shopClient(shop.port, 'grpc')
    expect((await failure(client.place(order, keyed('k')))).code).toBe(Code.Internal)
    const error = await failure(client.place(order, keyed('k')))
    expect([error.code, ourCode(error), shop.runs]).toEqual([Code.AlreadyExists, 'RESULT_UNSERIALIZABLE', { Place: 1 }])
    expect(String(reported)).toContain('number')
  })
})

describe('what is not an answer', () => {
  it('duplicates are rejected where that was said', async () => {
    const shop = await guardedShop(numbered(), { onDuplicate: 'reject' })
    const client = shopClient(shop.port, 'connect')
    await client.place(order, keyed('k'))
    const error = await failure(client.place(order, keyed('k')))
    expect([error.code, ourCode(error), shop.runs]).toEqual([Code.AlreadyExists, 'DUPLICATE', { Place: 1 }])
  })

  it.each([1_000, 50_000_000])(
    'an answer that is too long reaches its first caller only (maxBodyBytes %i)',
    async (maxBodyBytes) => {
      const text = 'x'.repeat(2_000_000)
      const shop = await guardedShop(() => ({ text }), { maxBodyBytes })
      const client = shopClient(shop.port, 'grpc')
      expect((await client.place(order, keyed('k'))).text).toHaveLength(text.length)
      const error = await failure(client.place(order, keyed('k')))
      expect([error.code, ourCode(error)]).toEqual([Code.AlreadyExists, 'RESULT_UNSERIALIZABLE'])
      expect(shop.runs).toEqual({ Place: 1 })
    },
  )

  it('a store that is down: the handler does not run, and no secret of the server is told', async () => {
    const store = faultyStore(memoryStore(), (verb) =>
      verb === 'claim' ? { kind: 'lose-request', error: new Error('redis://:hunter2@10.0.0.1 is down') } : undefined,
    )
    const shop = await guardedShop(numbered(), {}, { store, storeTimeoutMs: 200 })
    const error = await failure(shopClient(shop.port, 'grpc').place(order, keyed('k')))
    expect([error.code, ourCode(error), shop.runs]).toEqual([Code.Unavailable, 'STORE_UNAVAILABLE', {}])
    expect(error.message).not.toContain('hunter2')
  })

  it.each([
    ['answer', numbered(), { number: 1 }],
    [
      'error',
      (): never => {
        throw new ConnectError('sold out', Code.FailedPrecondition)
      },
      { rawMessage: 'sold out' },
    ],
  ])('a store that goes down meanwhile: the first caller gets the %s of the handler', async (_, handler, end) => {
    const runtime = fakeRuntime()
    let asked = 0
    const store = faultyStore(memoryStore({ runtime }), (verb) => {
      if (verb === 'complete') asked++
      return verb === 'complete' ? { kind: 'lose-request' } : undefined
    })
    const shop = await guardedShop(handler, {}, { store, runtime })
    const answer = shopClient(shop.port, 'grpc').place(order, keyed('k')).catch(ConnectError.from)
    await expect.poll(() => asked).toBeGreaterThan(0)
    await runtime.advance(5_000)
    expect(await answer).toMatchObject(end)
    expect(shop.runs).toEqual({ Place: 1 })
  })
})
