import { Code, ConnectError } from '@connectrpc/connect'
import { afterEach, describe, expect, it } from 'vitest'
import { operationKey, type RpcIdempotencyOptions } from '../../src/rpc/index.ts'
import { closeAll, guardedShop, type Handler, keyed, numbered, shopClient } from './server.ts'

afterEach(closeAll)

const order = { id: 'a', amount: 42 }
const never = new Promise<never>(() => {})

it('the handler knows its operation, and a call that is not guarded has none', async () => {
  const shop = await guardedShop((_, { values }) => {
    const op = values.get(operationKey)
    return { text: op === undefined ? 'none' : `${op.key} ${op.attempt} ${op.fence > 0}` }
  })
  const client = shopClient(shop.port, 'connect')
  expect((await client.place(order, keyed('k'))).text).toBe('k 1 true')
  expect((await client.read(order, keyed('k'))).text).toBe('none')
})

describe('a client that goes away', () => {
  it.each(['connect', 'grpc', 'grpc-web'] as const)('loses nothing, and nothing runs twice (%s)', async (protocol) => {
    let release = () => {}
    const running = new Promise<void>((resolve) => {
      release = resolve
    })
    const shop = await guardedShop(async () => {
      await running
      return { number: 5 }
    })
    const gone = new AbortController()
    const client = shopClient(shop.port, protocol)
    const call = client.place(order, { ...keyed('k'), signal: gone.signal }).catch(ConnectError.from)
    await expect.poll(() => shop.runs).toEqual({ Place: 1 })
    gone.abort()
    expect(await call).toMatchObject({ code: Code.Canceled })
    release()
    const again = () =>
      client.place(order, keyed('k')).then(
        ({ number }) => number,
        (error) => error.code,
      )
    await expect.poll(again).toBe(5)
    expect(shop.runs).toEqual({ Place: 1 })
  })

  it('by a time limit is the same', async () => {
    const shop = await guardedShop(async () => {
      await new Promise((resolve) => setTimeout(resolve, 200))
      return { number: 5 }
    })
    const client = shopClient(shop.port, 'grpc')
    const call = client.place(order, { ...keyed('k'), timeoutMs: 50 }).catch(ConnectError.from)
    expect(await call).toMatchObject({ code: Code.DeadlineExceeded })
    const again = () =>
      client.place(order, keyed('k')).then(
        ({ number }) => number,
        (error) => error.code,
      )
    await expect.poll(again).toBe(5)
    expect(shop.runs).toEqual({ Place: 1 })
  })
})

it('refuses a lease that cannot be, before the first call', async () => {
  await expect(guardedShop(numbered(), { leaseMs: -1 })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
})

describe('a handler that was given up', () => {
  /** The first run never ends, and has lost its lease soon. */
  const stuckOnce = (): Handler => {
    const answer = numbered()
    let first = true
    return (order, context) => {
      if (!first) return answer(order, context)
      first = false
      return never
    }
  }
  const abandoned = async (
    onAbandoned: RpcIdempotencyOptions['onAbandoned'],
    engine: Parameters<typeof guardedShop>[2] = {},
  ) => {
    const policy = onAbandoned === undefined ? {} : { onAbandoned }
    const shop = await guardedShop(stuckOnce(), { leaseMs: 60, maxRunMs: 60, ...policy }, engine)
    const client = shopClient(shop.port, 'grpc')
    const ask = () => client.place(order, keyed('k')).catch(ConnectError.from)
    const first = await ask()
    expect(first).toMatchObject({ code: Code.Aborted })
    expect((first as ConnectError).metadata.get('onlyonce-code')).toBe('LEASE_LOST')
    return { shop, ask }
  }

  it('is run again under retry', async () => {
    const { shop, ask } = await abandoned('retry')
    await expect.poll(ask).toMatchObject({ number: 1 })
    expect(shop.runs).toEqual({ Place: 2 })
  })

  it('is held under hold: FAILED_PRECONDITION until somebody decides', async () => {
    const { shop, ask } = await abandoned('hold')
    await expect.poll(ask).toMatchObject({ code: Code.FailedPrecondition })
    expect(((await ask()) as ConnectError).metadata.get('onlyonce-code')).toBe('OUTCOME_UNKNOWN')
    expect(shop.runs).toEqual({ Place: 1 })
  })

  it('is held where the engine says hold, and the interceptor nothing', async () => {
    const { shop, ask } = await abandoned(undefined, { onAbandoned: 'hold' })
    await expect.poll(ask).toMatchObject({ code: Code.FailedPrecondition })
    expect(shop.runs).toEqual({ Place: 1 })
  })

  it('is answered with what is known of it', async () => {
    const known = { happened: true, message: { number: 77, text: 'found' } } as const
    const { shop, ask } = await abandoned((_, { procedure }) =>
      procedure === 'shop.v1.Shop/Place' ? known : { happened: false },
    )
    await expect.poll(ask).toMatchObject({ number: 77, text: 'found' })
    expect(shop.runs).toEqual({ Place: 1 })
  })

  it('is not answered with an empty message where what happened is not told', async () => {
    const wrong = { happened: true, value: { number: 77 } } as never
    const { shop, ask } = await abandoned(() => wrong)
    await expect.poll(ask).toMatchObject({ code: Code.FailedPrecondition })
    expect(await ask()).toMatchObject({ code: Code.FailedPrecondition })
    expect(shop.runs).toEqual({ Place: 1 })
  })
})

it('what is stored and is no end of a call reaches nobody', async () => {
  const shop = await guardedShop(numbered())
  const client = shopClient(shop.port, 'connect')
  await client.place(order, keyed('k'))
  const { items } = await shop.once.store.list({ limit: 10 })
  const [record] = items
  if (record?.scope === undefined) throw new Error('no record')
  await shop.once.forget({ scope: record.scope, key: 'k' })
  await shop.once({ scope: record.scope, key: 'k', fingerprint: record.fingerprint }, () => 'a stranger')
  const error = await client.place(order, keyed('k')).catch(ConnectError.from)
  expect(error).toMatchObject({ code: Code.FailedPrecondition })
})
