import { once as event } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { expect, it } from 'vitest'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { later, POST, proxyTo } from './proxy-kit.ts'
import { secureUpstream } from './tls-kit.ts'

it('asks no upstream whose certificate nobody vouches for, and leaves the key free', async () => {
  const upstream = await secureUpstream()
  const store = memoryStore()
  const { url } = await proxyTo(upstream.url, { store })
  for (const _ of [1, 2]) {
    const reply = await fetch(`${url}/orders`, POST('k1'))
    expect([reply.status, reply.headers.get('content-type')]).toEqual([502, 'application/problem+json'])
  }
  expect(upstream.runs()).toBe(0)
  expect((await store.list({ limit: 10 })).items.map(({ state }) => state)).toEqual(['idle'])
})

it('gives up an upstream that takes the connection and says nothing, and leaves the key free', async () => {
  const silent: Socket[] = []
  const server = createServer((socket) => silent.push(socket))
  server.listen(0, '127.0.0.1')
  await event(server, 'listening')
  later(() => {
    for (const socket of silent) socket.destroy()
    server.close()
  })
  const store = memoryStore()
  const upstream = `https://localhost:${(server.address() as AddressInfo).port}`
  const { url } = await proxyTo(upstream, { store, connectTimeoutMs: 200 })
  const reply = await fetch(`${url}/orders`, POST('k1'))
  expect(reply.status).toBe(502)
  expect(silent).toHaveLength(1)
  expect((await store.list({ limit: 10 })).items.map(({ state }) => state)).toEqual(['idle'])
})
