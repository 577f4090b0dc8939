import 'reflect-metadata'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import * as nest from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import type { NestExpressApplication } from '@nestjs/platform-express'
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify'
import type { FastifyReply } from 'fastify'
import { from, of } from 'rxjs'
import { IdempotencyInterceptor, Idempotent, OnlyonceModule, operationOf } from '../../../src/http/nestjs/index.ts'
import type { HttpHarness, HttpRoute, HttpServeSpec, WayTruth } from '../../../src/testing/index.ts'
import { bytesOf, readAll, sendScript } from './script.ts'

const FILE = join(import.meta.dirname, 'sent.json')

/** The part that the responses of both platforms have. */
interface Reply {
  status(code: number): Reply
  header(name: string, value: string): Reply
  send(body?: unknown): unknown
}

interface Way {
  readonly truth: WayTruth
  /** Default: the handler has no access to the response. */
  readonly res?: 'own' | 'passthrough'
  readonly decorators?: readonly MethodDecorator[]
  handle(text: string, res: Reply): unknown
}

const sse = nest.Sse('way', { method: nest.RequestMethod.POST } as never)

const WAYS: Readonly<Record<string, Way>> = {
  'return of an object': { truth: 'recorded', handle: (text) => ({ text }) },
  'return of a string': { truth: 'recorded', handle: (text) => text },
  'return of a promise': { truth: 'recorded', handle: async (text) => [text] },
  'return of an Observable': { truth: 'recorded', handle: (text) => of({ text }) },
  'return of nothing': { truth: 'recorded', handle: () => undefined },
  '@HttpCode': { truth: 'recorded', decorators: [nest.HttpCode(204)], handle: () => undefined },
  '@Header': { truth: 'recorded', decorators: [nest.Header('Location', '/x')], handle: (text) => text },
  '@Redirect': { truth: 'recorded', decorators: [nest.Redirect('/elsewhere', 303)], handle: () => undefined },
  '@Res': { truth: 'recorded', res: 'own', handle: (text, res) => res.status(202).send({ text }) },
  '@Res, later': { truth: 'recorded', res: 'own', handle: (text, res) => void setTimeout(() => res.send(text), 20) },
  '@Res with passthrough': {
    truth: 'recorded',
    res: 'passthrough',
    handle: (text, res) => {
      res.status(202).header('location', '/x')
      return { text }
    },
  },
  'StreamableFile of bytes': { truth: 'recorded', handle: (text) => new nest.StreamableFile(Buffer.from(text)) },
  'StreamableFile of a file': { truth: 'recorded', handle: () => new nest.StreamableFile(createReadStream(FILE)) },
  'an async iterable': { truth: 'recorded', handle: (text) => Readable.from([text, ' and more']) },
  'a Response': { truth: 'recorded', handle: (text) => new Response(text, { status: 202 }) },
  'HttpException 422': {
    truth: 'recorded',
    handle: () => {
      throw new nest.UnprocessableEntityException('not like this')
    },
  },
  'HttpException 503': {
    truth: 'released',
    handle: () => {
      throw new nest.ServiceUnavailableException()
    },
  },
  'a thrown error': {
    truth: 'released',
    handle: () => {
      throw new Error('thrown on purpose')
    },
  },
  '@Sse': { truth: 'event-stream', decorators: [sse], handle: (text) => from([{ data: text }, { data: 'two' }]) },
  'more than is kept': { truth: 'too-long', handle: () => 'x'.repeat(300_000) },
}

type Platform = 'express' | 'fastify'

export function nestHarness(platform: Platform): HttpHarness {
  async function serve({ once, options, routes }: HttpServeSpec) {
    class AppModule {}
    const controllers = [...new Set(routes.map(({ mount }) => mount))].map((mount) => {
      const own = routes.filter((route) => route.mount === mount)
      return controllerOf(mount ?? '', own, platform)
    })
    nest.Module({ imports: [OnlyonceModule.forRoot({ once, ...options })], controllers })(AppModule)
    const app = await createApp(AppModule, platform)
    await app.listen(0, '127.0.0.1')
    const url = (await app.getUrl()).replace(/\/$/, '')
    return { url, close: () => app.close(), describe: () => app.get(IdempotencyInterceptor).describe() }
  }
  return { serve, ways: Object.fromEntries(Object.entries(WAYS).map(([name, { truth }]) => [name, truth])) }
}

async function createApp(module: object, platform: Platform) {
  const settings = { logger: false, forceCloseConnections: true } as const
  if (platform === 'express') return NestFactory.create<NestExpressApplication>(module as never, settings)
  const adapter = new FastifyAdapter({ forceCloseConnections: true })
  const app = await NestFactory.create<NestFastifyApplication>(module as never, adapter, settings)
  const fastify = app.getHttpAdapter().getInstance()
  fastify.addContentTypeParser('*', (_request: unknown, payload: unknown, done: (error: null, body: unknown) => void) =>
    done(null, payload),
  )
  return app
}

/** vitest leaves decorators to others; they are functions, and called as such. */
function controllerOf(path: string, routes: readonly HttpRoute[], platform: Platform): new () => object {
  class Routes {}
  for (const [at, route] of routes.entries()) {
    const name = `route${at}`
    const way = route.way === undefined ? undefined : WAYS[route.way]
    const handle = way === undefined ? plainly(route, platform) : inWay(route, way)
    const descriptor = { value: handle, configurable: true, writable: true }
    Object.defineProperty(Routes.prototype, name, descriptor)
    nest.Req()(Routes.prototype, name, 0)
    const res = way === undefined ? 'own' : way.res
    if (res !== undefined) nest.Res({ passthrough: res === 'passthrough' })(Routes.prototype, name, 1)
    const method = nest.RequestMethod[route.method as 'POST']
    const mapping = nest.RequestMapping({ path: route.path, method })
    for (const decorate of [mapping, ...(way?.decorators ?? []), Idempotent()]) {
      decorate(Routes.prototype, name, descriptor)
    }
  }
  nest.Controller(path)(Routes)
  return Routes
}

interface Request {
  readonly raw?: Request
  readonly body?: unknown
  readonly readableEnded?: boolean
}

async function bodyIn(request: Request): Promise<Uint8Array> {
  const stream = request.raw ?? request
  if (stream.readableEnded === true) return bytesOf(request.body)
  return readAll(stream as never)
}

function inWay(route: HttpRoute, way: Way) {
  return async (request: Request, res: Reply) => {
    const { body } = await route.run({ body: await bodyIn(request), op: operationOf(request) })
    return way.handle(String(body), res)
  }
}

function plainly(route: HttpRoute, platform: Platform) {
  return async (request: Request, res: never) => {
    const script = await route.run({ body: await bodyIn(request), op: operationOf(request) })
    if (platform === 'express') return sendScript(res, script)
    const reply = res as FastifyReply
    if (typeof script.body === 'object' && Symbol.asyncIterator in script.body) {
      reply.hijack()
      return sendScript(reply.raw, script)
    }
    reply.code(script.status)
    for (const name of new Set(script.headers?.map(([one]) => one))) {
      const values = script.headers?.filter(([one]) => one === name).map(([, value]) => value)
      reply.header(name, values?.length === 1 ? values[0] : values)
    }
    reply.send(script.body === undefined || script.body.length === 0 ? undefined : Buffer.from(script.body))
  }
}
