import { Code, ConnectError } from '@connectrpc/connect'
import { afterEach, describe, expect, it } from 'vitest'
import { closeAll, guardedShop, keyed, numbered, PROTOCOLS, shopClient } from './server.ts'

afterEach(closeAll)

const order = { id: 'a', amount: 42, labels: { x: '1' } }

describe.each(PROTOCOLS)('over %s', (protocol) => {
  it('a duplicate gets the same answer, marked, and nothing runs', async () => {
    const shop = await guardedShop(numbered())
    const client = shopClient(shop.port, protocol)
    const seen: (string | null)[] = []
    const options = { ...keyed('k'), onHeader: (header: Headers) => seen.push(header.get('idempotency-replayed')) }
    const first = await client.place(order, options)
    expect(first).toMatchObject({ number: 1, text: 'a for 42' })
    expect(await client.place(order, options)).toEqual(first)
    expect(await client.place(order, options)).toEqual(first)
    expect([seen, shop.runs]).toEqual([[null, 'true', 'true'], { Place: 1 }])
    expect(await client.place(order, keyed('other'))).toMatchObject({ number: 2 })
  })

  it('a long compressed answer is replayed whole', async () => {
    const text = 'lorem ipsum '.repeat(10_000)
    const shop = await guardedShop(() => ({ number: 1, text }))
    for (const gzip of [false, true]) {
      const client = shopClient(shop.port, protocol, { gzip })
      for (const _ of [1, 2]) expect((await client.place(order, keyed('k'))).text).toBe(text)
    }
    expect(shop.runs).toEqual({ Place: 1 })
  })

  it('another request under the same key is refused, and poisons nothing', async () => {
    const shop = await guardedShop(numbered())
    const client = shopClient(shop.port, protocol)
    const first = await client.place(order, keyed('k'))
    const error = await client.place({ ...order, amount: 43 }, keyed('k')).catch(ConnectError.from)
    expect(error).toMatchObject({ code: Code.FailedPrecondition })
    expect((error as ConnectError).metadata.get('onlyonce-code')).toBe('KEY_REUSED')
    expect(await client.place(order, keyed('k'))).toEqual(first)
    expect(shop.runs).toEqual({ Place: 1 })
  })

  it('a duplicate of a running call is told when to come back', async () => {
    let release = () => {}
    const running = new Promise<void>((resolve) => {
      release = resolve
    })
    const shop = await guardedShop(async () => {
      await running
      return { number: 1 }
    })
    const client = shopClient(shop.port, protocol)
    const first = client.place(order, keyed('k'))
    await expect.poll(() => shop.runs).toEqual({ Place: 1 })
    const error = (await client.place(order, keyed('k')).catch(ConnectError.from)) as ConnectError
    release()
    expect(error.code).toBe(Code.Aborted)
    expect(Number(error.metadata.get('retry-after-ms'))).toBeGreaterThan(1_000)
    expect(error.metadata.get('grpc-retry-pushback-ms')).toBe(error.metadata.get('retry-after-ms'))
    expect(await first).toMatchObject({ number: 1 })
  })

  it('with onInFlight wait the duplicates get the result of the one that runs', async () => {
    const shop = await guardedShop(
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 100))
        return { number: 7 }
      },
      { onInFlight: 'wait' },
    )
    const client = shopClient(shop.port, protocol)
    const all = await Promise.all(Array.from({ length: 30 }, () => client.place(order, keyed('k'))))
    expect(all.map(({ number }) => number)).toEqual(Array(30).fill(7))
    expect(shop.runs).toEqual({ Place: 1 })
  })

  it('a final error is replayed with its code, message and details', async () => {
    const { ReceiptSchema } = await import('./shop.ts')
    const shop = await guardedShop(
      () => {
        const details = [{ desc: ReceiptSchema, value: { number: 9, text: 'detail' } }]
        throw new ConnectError('no such article', Code.NotFound, { 'x-reason': 'gone' }, details)
      },
      { replayHeaders: ['X-Reason'] },
    )
    const client = shopClient(shop.port, protocol)
    const errors: ConnectError[] = []
    for (const _ of [1, 2])
      errors.push((await client.place(order, keyed('k')).catch(ConnectError.from)) as ConnectError)
    for (const error of errors) {
      expect([error.code, error.rawMessage, error.metadata.get('x-reason')]).toEqual([
        Code.NotFound,
        'no such article',
        'gone',
      ])
      expect(error.findDetails(ReceiptSchema)).toMatchObject([{ number: 9, text: 'detail' }])
    }
    expect(errors.map(({ metadata }) => metadata.get('idempotency-replayed'))).toEqual([null, 'true'])
    expect(shop.runs).toEqual({ Place: 1 })
  })

  it('headers and trailers that are allowed come back with the replay, the others do not', async () => {
    const shop = await guardedShop(
      (_, context) => {
        for (const name of ['x-kept', 'x-lost', 'set-cookie']) context.responseHeader.set(name, 'h')
        context.responseTrailer.set('x-end', 't')
        return { number: 1 }
      },
      { replayHeaders: ['x-kept', 'x-end'] },
    )
    const client = shopClient(shop.port, protocol)
    const seen: (string | null | undefined)[][] = []
    for (const _ of [1, 2]) {
      const one: (string | null)[] = []
      await client.place(order, {
        ...keyed('k'),
        onHeader: (header) => one.push(...['x-kept', 'x-lost', 'set-cookie'].map((name) => header.get(name))),
        onTrailer: (trailer) => one.push(trailer.get('x-end')),
      })
      seen.push(one)
    }
    expect(seen).toEqual([
      ['h', 'h', 'h', 't'],
      ['h', null, null, 't'],
    ])
  })
})
