import { describe, expect, it } from 'vitest'
import { idempotency } from '../../src/http/fetch.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { byHand, engine, gated, later, POST, request, serve, settled, sleep, until } from './fetch-kit.ts'

const MB = 1024 * 1024

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
