import 'reflect-metadata'
import type { Server } from 'node:http'
import * as nest from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { expect, it, onTestFinished } from 'vitest'
import { idempotency } from '../../src/http/fastify.ts'
import { Idempotent, OnlyonceModule } from '../../src/http/nestjs/index.ts'
import { engine, until } from './fetch-kit.ts'
import { order } from './harness/shop.ts'
import { rawConnection } from './raw-connection.ts'

async function onFastify(handler: (request: FastifyRequest, reply: FastifyReply) => unknown) {
  const app = fastify({ forceCloseConnections: true })
  app.register(idempotency, { once: engine(), scope: 'public' })
  app.post('/', handler as never)
  onTestFinished(() => app.close())
  return { url: await app.listen({ port: 0, host: '127.0.0.1' }), server: app.server }
}

async function onNest(adapter?: FastifyAdapter) {
  class Orders {
    make() {
      return 'made'
    }
  }
  const make = Object.getOwnPropertyDescriptor(Orders.prototype, 'make') as PropertyDescriptor
  for (const decorate of [nest.Post(), Idempotent()]) decorate(Orders.prototype, 'make', make)
  nest.Controller()(Orders)
  class Shop {}
  const imports = [OnlyonceModule.forRoot({ once: engine(), scope: 'public' })] as never
  nest.Module({ imports, controllers: [Orders] })(Shop)
  const settings = { logger: false, forceCloseConnections: true } as const
  const app = await (adapter === undefined
    ? NestFactory.create(Shop, settings)
    : NestFactory.create(Shop, adapter as never, settings))
  await app.listen(0, '127.0.0.1')
  onTestFinished(() => app.close())
  return { url: await app.getUrl(), server: app.getHttpServer() as Server }
}

it.each<[string, () => Promise<{ url: string; server: Server }>]>([
  ['Fastify', () => onFastify(async () => 'made')],
  ['NestJS on Express', () => onNest()],
  ['NestJS on Fastify', () => onNest(new FastifyAdapter({ forceCloseConnections: true }))],
])('%s: who counts the requests of a connection finds it again at the end', async (_, serve) => {
  const { url, server } = await serve()
  const found: boolean[] = []
  server.prependListener('request', (req, res) => {
    const { socket } = req
    res.on('finish', () => found.push(req.socket === socket))
  })
  expect(await (await order(url, 'k')).text()).toBe('made')
  expect(found).toEqual([true])
})

it.each([
  ['asks its request', (request: FastifyRequest) => () => request.raw.socket],
  [
    'has kept it',
    ({ raw: { socket } }: FastifyRequest) =>
      () =>
        socket,
  ],
])('an event stream of Fastify that %s for the connection stops when its client leaves', async (_, connectionOf) => {
  let stopped = false
  const { url } = await onFastify(async (request, reply) => {
    const connection = connectionOf(request)
    reply.hijack()
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
    await until(() => connection().destroyed)
    stopped = true
  })
  const connection = rawConnection(url)
  connection.post('k')
  await connection.heard('data: 1')
  await connection.leave()
  await until(() => stopped)
})
