import { describe, expect, it } from 'vitest'
import { idempotency, operationOf } from '../../src/http/fetch.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { byHand, engine, gated, later, POST, request, serve, sleep, until } from './fetch-kit.ts'

const MB = 1024 * 1024

/** What a duplicate is answered once the first request is no longer under way. */
async function settled(ask: () => Promise<Response>): Promise<Response> {
  let answer = await ask()
  await until(async () => {
    if (answer.status === 409) answer = await ask()
    return answer.status !== 409
  })
  return answer
}

describe('a slow stream of fetch', () => {
  it('passes through at once; only its end waits for the record', async () => {
    const { store, completing, open } = gated(memoryStore())
    const hand = byHand()
    const url = await serve(idempotency(engine({ store }), { scope: 'public' })(() => new Response(hand.stream)))
    hand.write('one ')
    const answer = await fetch(url, POST('k'))
    const reader = (answer.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader()
    expect(await reader.read()).toEqual({ done: false, value: 'one ' })
    hand.write('two')
    expect(await reader.read()).toEqual({ done: false, value: 'two' })
    hand.end()
    await until(completing)
    let ended = false
    const end = reader.read().finally(() => {
      ended = true
    })
    await sleep(20)
    expect(ended).toBe(false)
    open()
    expect(await end).toMatchObject({ done: true })
    expect(await (await fetch(url, POST('k'))).text()).toBe('one two')
  })

  it('whose length is told keeps its last byte back, which is its end', async () => {
    for (const first of ['12345', '']) {
      const { store, completing, open } = gated(memoryStore())
      const hand = byHand()
      const url = await serve(
        idempotency(engine({ store }), { scope: 'public', maxBodyBytes: 8, onUnrecordable: () => {} })(
          () => new Response(hand.stream, { headers: { 'content-length': '10' } }),
        ),
      )
      if (first !== '') hand.write(first)
      const answer = await fetch(url, POST('k'))
      let text: string | undefined
      const whole = answer.text().then((all) => {
        text = all
      })
      hand.write('1234567890'.slice(first.length))
      hand.end()
      await until(completing)
      await sleep(30)
      expect(text).toBe(undefined)
      open()
      await whole
      expect(text).toBe('1234567890')
    }
  })

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

  it('is guarded again when the same request is handed in again', async () => {
    let runs = 0
    const handler = idempotency(engine(), { scope: 'public' })(() => {
      if (++runs === 1) throw new Error('on purpose')
      return new Response('done')
    })
    const asked = request('k', '')
    await expect(handler(asked)).rejects.toThrow('on purpose')
    expect(await (await handler(asked)).text()).toBe('done')
    const replay = await handler(request('k', ''))
    expect([await replay.text(), replay.headers.get('idempotency-replayed'), runs]).toEqual(['done', 'true', 2])
    expect(operationOf(asked)?.key).toBe('k')
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

  it('that breaks while its client listens frees the key, and the client sees that it broke', async () => {
    let hand = byHand()
    const url = await serve(idempotency(engine(), { scope: 'public' })(() => new Response(hand.stream)))
    hand.write('half')
    const answer = await fetch(url, POST('k'))
    hand.fail(new Error('on purpose'))
    await expect(answer.text()).rejects.toThrow()
    hand = byHand()
    hand.write('whole')
    hand.end()
    expect(await (await fetch(url, POST('k'))).text()).toBe('whole')
  })

  it('that breaks in its first turn is an error of the handler', async () => {
    const error = new Error('at once')
    const body = new ReadableStream({ start: (controller) => controller.error(error) })
    await expect(idempotency(engine(), { scope: 'public' })(() => new Response(body))(request('k'))).rejects.toBe(error)
  })

  it('longer than maxBodyBytes reaches the first client whole, and a replay says what is missing', async () => {
    const sizes = [5 * MB, 262_145, 262_144]
    const omitted: (string | null)[] = []
    for (const size of sizes) {
      const bytes = Buffer.alloc(size, 'x')
      const url = await serve(
        idempotency(engine(), { scope: 'public', onUnrecordable: () => {} })(
          () => new Response(new Uint8Array(bytes), { status: 201 }),
        ),
      )
      expect(Buffer.from(await (await fetch(url, POST('k'))).arrayBuffer()).equals(bytes)).toBe(true)
      const replay = await fetch(url, POST('k'))
      expect(replay.status).toBe(201)
      omitted.push(replay.headers.get('idempotency-body-omitted'))
      expect((await replay.arrayBuffer()).byteLength).toBe(size > 262_144 ? 0 : size)
    }
    expect(omitted).toEqual(['too-long', 'too-long', null])
  })

  it('is read no faster than its client reads, and no more of it than is kept when the client is gone', async () => {
    let pulled = 0
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (++pulled > 64) return controller.close()
        controller.enqueue(new Uint8Array(65_536))
      },
    })
    const handler = idempotency(engine(), { scope: 'public', onUnrecordable: () => {} })(() => new Response(body))
    const answer = await handler(request('k'))
    await sleep(50)
    expect(pulled).toBeLessThan(16)
    await answer.body?.cancel()
    await sleep(20)
    expect(pulled).toBeLessThan(16)
    const replay = await settled(() => handler(request('k')))
    expect(replay.headers.get('idempotency-body-omitted')).toBe('too-long')
  })

  it('of events is not recorded: it passes, and a duplicate is told so', async () => {
    let runs = 0
    const url = await serve(
      idempotency(engine(), { scope: 'public', onUnrecordable: () => {} })(() => {
        runs++
        const hand = byHand()
        hand.write('data: 1\n\n')
        later(hand.end)
        return new Response(hand.stream, { headers: { 'Content-Type': 'text/event-stream; charset=utf-8' } })
      }),
    )
    const answer = await fetch(url, POST('k'))
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader()
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('data: 1\n\n')
    const duplicate = await fetch(url, POST('k'))
    expect(duplicate.status).toBe(409)
    expect(await duplicate.json()).toMatchObject({ code: 'unrecordable' })
    expect(runs).toBe(1)
    await reader.cancel()
  })

  it('tells the platform what still goes on after the response', async () => {
    const { store, open } = gated(memoryStore())
    const waiting: Promise<unknown>[] = []
    const context = { waitUntil: (work: Promise<unknown>) => void waiting.push(work) }
    const hand = byHand()
    const handler = idempotency(engine({ store }), { scope: 'public' })(
      (_: Request, _env: { secret: string }, _context: typeof context) => new Response(hand.stream),
    )
    hand.write('x')
    await handler(request('k'), { secret: 's' }, context)
    let over = false
    const work = Promise.all(waiting).finally(() => {
      over = true
    })
    expect(waiting).toHaveLength(1)
    hand.end()
    await sleep(20)
    expect(over).toBe(false)
    open()
    await work
  })
})
