import { createHash, randomBytes } from 'node:crypto'
import { once as event } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { counting, POST, proxyTo, sleep, upstreamOf } from './proxy-kit.ts'

const MB = 1024 * 1024
const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

describe('large bodies', () => {
  const body = randomBytes(30 * MB)

  it('stream both ways, guarded without a look at them, or not guarded', async () => {
    const upstream = await upstreamOf(async (req, res) => {
      const hash = createHash('sha256')
      for await (const chunk of req) hash.update(chunk as Buffer)
      res.setHeader('x-got', hash.digest('hex'))
      res.end(body)
    })
    const { url } = await proxyTo(upstream.url, { guard: { fingerprint: 'none', maxRequestBytes: 1_000 } })
    for (const options of [{ method: 'PUT', body }, POST('k', body)]) {
      const answer = await fetch(url, options)
      expect(answer.headers.get('x-got')).toBe(sha(body))
      expect(sha(new Uint8Array(await answer.arrayBuffer()))).toBe(sha(body))
    }
    const replay = await fetch(url, POST('k', 'another body: nobody looks'))
    expect(replay.headers.get('idempotency-body-omitted')).toBe('too-long')
    expect(upstream.seen).toHaveLength(2)
  })

  it('of a form are the same on its next attempt, which has another boundary, where nobody looks', async () => {
    const upstream = await counting()
    const { url } = await proxyTo(upstream.url, { guard: { fingerprint: 'none' } })
    const form = new FormData()
    form.set('photo', new Blob(['one']), 'one.jpg')
    const ask = () => fetch(url, { method: 'POST', headers: { 'idempotency-key': 'k' }, body: form })
    for (const _ of [1, 2]) expect(await (await ask()).text()).toBe('{"runs":1}')
  })

  it('that are to be compared have a limit, and are compared below it', async () => {
    const upstream = await counting()
    const { url } = await proxyTo(upstream.url, { guard: { maxRequestBytes: 31 * MB } })
    expect(await (await fetch(url, POST('k', body))).text()).toBe('{"runs":1}')
    expect(await (await fetch(url, POST('k', body))).text()).toBe('{"runs":1}')
    const other = Buffer.from(body)
    other[29 * MB] = (other[29 * MB] as number) ^ 1
    expect((await fetch(url, POST('k', other))).status).toBe(422)
    const tight = await proxyTo(upstream.url)
    expect((await fetch(tight.url, POST('k', body.subarray(0, 2 * MB)))).status).toBe(413)
    expect(upstream.seen).toHaveLength(1)
  })

  it('are not gathered here while a client is slow to read them', async () => {
    let written = 0
    const upstream = await upstreamOf(async (_, res) => {
      for (let n = 0; n < 60; n++) {
        if (!res.write(Buffer.alloc(MB))) await Promise.race([event(res, 'drain'), sleep(300)])
        written++
        if (res.writableNeedDrain) break
      }
      res.end()
    })
    const { url } = await proxyTo(upstream.url)
    const asked = get(url)
    const [answer] = (await event(asked, 'response')) as [IncomingMessage]
    await sleep(400)
    expect(written).toBeLessThan(40)
    answer.destroy()
  })

  it('of a slow upstream arrive as they come, their head first', async () => {
    const upstream = await upstreamOf(async (_, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      await sleep(50)
      res.write('data: 1\n\n')
    })
    const { url } = await proxyTo(upstream.url)
    for (const options of [{}, POST('k')]) {
      const answer = await fetch(url, options)
      const reader = (answer.body as ReadableStream<Uint8Array>).getReader()
      expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('data: 1\n\n')
      await reader.cancel()
    }
    expect(await (await fetch(url, POST('k'))).json()).toMatchObject({ code: 'unrecordable' })
  })
})
