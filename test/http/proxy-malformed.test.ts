import { once as event } from 'node:events'
import { type AddressInfo, createServer as createTcp } from 'node:net'
import { describe, expect, it } from 'vitest'
import { counting, later, POST, proxyTo, raw } from './proxy-kit.ts'

describe('what is not HTTP as it should be', () => {
  it.each(['GET', 'POST'])('a %s with two hosts is refused, and the proxy lives on', async (method) => {
    const upstream = await counting()
    const { url } = await proxyTo(upstream.url)
    const two = `${method} /a HTTP/1.1\r\nHost: a\r\nHost: b\r\nIdempotency-Key: k\r\nConnection: close\r\n\r\n`
    expect(await raw(url, two)).toMatch(/^HTTP\/1.1 400 /)
    expect((await fetch(url)).status).toBe(201)
    expect(upstream.seen).toHaveLength(1)
  })

  it.each(['099 X', '200 O\x01K'])('an upstream that answers %j gave no answer', async (line) => {
    const server = createTcp((socket) =>
      socket.on('error', () => {}).on('data', () => socket.end(`HTTP/1.1 ${line}\r\nContent-Length: 2\r\n\r\nok`)),
    )
    server.listen(0, '127.0.0.1')
    await event(server, 'listening')
    later(() => void server.close())
    const { url } = await proxyTo(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    for (const options of [{}, POST('k')]) expect((await fetch(url, options)).status).toBeGreaterThanOrEqual(502)
  })

  it.each(['gzip, chunked', 'identity, chunked', 'chunked, chunked'])(
    'a body that is sent as %j is refused, and none of it goes on',
    async (coding) => {
      const upstream = await counting()
      const { url } = await proxyTo(upstream.url)
      for (const key of ['', 'Idempotency-Key: k\r\n']) {
        const head = `POST /a HTTP/1.1\r\nHost: a\r\n${key}Connection: close\r\nTransfer-Encoding: ${coding}\r\n\r\n`
        expect(await raw(url, `${head}2\r\nhi\r\n0\r\n\r\n`)).toMatch(/^HTTP\/1.1 (400|501) /)
      }
      expect(upstream.seen).toHaveLength(0)
    },
  )

  it('a body that is chunked goes on, however that is spelt', async () => {
    const upstream = await counting()
    const { url } = await proxyTo(upstream.url)
    const head = 'POST /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: Chunked\r\n\r\n'
    expect(await raw(url, `${head}2\r\nhi\r\n0\r\n\r\n`)).toMatch(/^HTTP\/1.1 201 /)
    expect(upstream.seen).toHaveLength(1)
  })
})
