import { describe, expect, it } from 'vitest'
import { idempotency } from '../../src/http/fetch.ts'
import { byHand, engine, POST, request, serve, settled, sleep, until } from './fetch-kit.ts'

describe('a stream of fetch whose client leaves', () => {
  it('is recorded to its end though the client left, and never runs again', async () => {
    let runs = 0
    const hand = byHand()
    const url = await serve(
      idempotency(engine(), { scope: 'public' })(() => {
        runs++
        return new Response(hand.stream, { headers: { 'content-type': 'text/csv' } })
      }),
    )
    hand.write('a,')
    const leaving = new AbortController()
    const answer = await fetch(url, { ...POST('k'), signal: leaving.signal })
    leaving.abort()
    await expect(answer.text()).rejects.toThrow()
    await sleep(30)
    expect(hand.cancelled()).toBe(false)
    for (const text of ['b,', 'c']) {
      hand.write(text)
      await sleep(5)
    }
    hand.end()
    const replay = await settled(() => fetch(url, POST('k')))
    expect(replay.headers.get('content-type')).toBe('text/csv')
    expect(await replay.text()).toBe('a,b,c')
    expect(runs).toBe(1)
  })

  it('is recorded though the client left while the handler was still at work', async () => {
    let runs = 0
    let leave = () => {}
    const left = new Promise<void>((resolve) => {
      leave = resolve
    })
    const url = await serve(
      idempotency(engine(), { scope: 'public', onInFlight: 'wait' })(async () => {
        runs++
        await left
        return new Response('done')
      }),
    )
    const leaving = new AbortController()
    const gone = fetch(url, { ...POST('k'), signal: leaving.signal })
    await until(() => runs === 1)
    leaving.abort()
    await expect(gone).rejects.toThrow()
    leave()
    expect(await (await fetch(url, POST('k'))).text()).toBe('done')
    expect(runs).toBe(1)
  })

  it('that falls silent, or is stopped, after its client left is kept without its bytes', async () => {
    for (const then of ['silence', 'stop'] as const) {
      let runs = 0
      const hand = byHand()
      const why: string[] = []
      const handler = idempotency(engine({ storeTimeoutMs: 60 }), {
        scope: 'public',
        onUnrecordable: (omitted) => why.push(omitted),
      })(() => {
        runs++
        return new Response(hand.stream, { status: 201 })
      })
      hand.write('half')
      const answer = await handler(request('k'))
      await answer.body?.cancel()
      if (then === 'stop') hand.fail(new DOMException('nobody listens', 'AbortError'))
      await until(() => why.length > 0)
      const replay = await settled(() => handler(request('k')))
      expect(replay.status).toBe(201)
      expect(replay.headers.get('idempotency-body-omitted')).toBe('cut-off')
      expect([runs, why]).toEqual([1, ['cut-off']])
      expect(hand.cancelled()).toBe(false)
    }
  })

  it('goes on though it was silent for long after its client had left', async () => {
    const effects: string[] = []
    let open = () => {}
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    async function* steps() {
      yield Buffer.from('half')
      await opened
      effects.push('paid')
      yield Buffer.from('more')
      effects.push('shipped')
    }
    const handler = idempotency(engine({ storeTimeoutMs: 60 }), { scope: 'public', onUnrecordable: () => {} })(
      () => new Response(ReadableStream.from(steps()) as ReadableStream<Uint8Array>),
    )
    const answer = await handler(request('k'))
    await answer.body?.cancel()
    await settled(() => handler(request('k')))
    open()
    await until(() => effects.length === 2)
    expect(effects).toEqual(['paid', 'shipped'])
  })

  it('is stopped when it is silent for longer than an attempt may run', async () => {
    const hand = byHand()
    const late: Promise<unknown>[] = []
    const once = engine({ storeTimeoutMs: 60, leaseMs: 100, maxRunMs: 300 })
    const handler = idempotency(once, { scope: 'public', onUnrecordable: () => {} })(() => new Response(hand.stream))
    hand.write('half')
    const onWorkers = handler as (request: Request, context: object) => Promise<Response>
    const answer = await onWorkers(request('k'), { waitUntil: (work: Promise<unknown>) => late.push(work) })
    await answer.body?.cancel()
    await settled(() => handler(request('k')))
    expect(hand.cancelled()).toBe(false)
    await until(() => hand.cancelled())
    expect(late.length).toBeGreaterThan(1)
    await Promise.all(late)
  })

  it('that its handler ties to the client is kept without its bytes when the client leaves', async () => {
    let runs = 0
    const url = await serve(
      idempotency(engine(), { scope: 'public', onUnrecordable: () => {} })(async ({ signal }) => {
        runs++
        const hand = byHand()
        hand.write('half')
        signal.addEventListener('abort', () => hand.fail(signal.reason))
        return new Response(hand.stream, { status: 201 })
      }),
    )
    const leaving = new AbortController()
    await fetch(url, { ...POST('k'), signal: leaving.signal })
    leaving.abort()
    const replay = await settled(() => fetch(url, POST('k')))
    expect([replay.status, replay.headers.get('idempotency-body-omitted'), runs]).toEqual([201, 'cut-off', 1])
  })
})
