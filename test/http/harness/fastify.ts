import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import cors from '@fastify/cors'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { idempotency, operationOf } from '../../../src/http/fastify.ts'
import type { HttpHarness, HttpRoute, HttpServeSpec, WayTruth } from '../../../src/testing/index.ts'
import { bytesOf, sendScript } from './script.ts'

type Way = (reply: FastifyReply, text: string) => unknown

const FILE = join(import.meta.dirname, 'sent.json')

const WAYS: Readonly<Record<string, readonly [WayTruth, Way]>> = {
  'a returned string': ['recorded', (_reply, text) => text],
  'a returned object': ['recorded', (reply, text) => first(reply.code(201), { text })],
  'a returned Buffer': ['recorded', (_reply, text) => Buffer.from(text)],
  'a returned stream': ['recorded', (_reply, text) => Readable.from([text, ' and more'], { objectMode: false })],
  'a returned Response': ['recorded', (_reply, text) => new Response(text, { status: 202, headers: { etag: '"1"' } })],
  'reply.send of an object': ['recorded', (reply, text) => reply.code(201).header('location', '/x').send({ text })],
  'reply.send later': [
    'recorded',
    (reply, text) =>
      first(
        setTimeout(() => reply.send({ text }), 20),
        reply,
      ),
  ],
  'reply.send of a Buffer': ['recorded', (reply, text) => reply.type('application/x-bytes').send(Buffer.from(text))],
  'reply.send of a stream': ['recorded', (reply) => reply.type('application/json').send(createReadStream(FILE))],
  'reply.send of a web stream': ['recorded', (reply, text) => reply.send(new Blob([text]).stream())],
  'reply.send of nothing': ['recorded', (reply) => reply.code(204).send()],
  'reply.send of null': ['recorded', (reply) => reply.send(null)],
  'a serializer': ['recorded', (reply, text) => reply.serializer((payload: unknown) => `<${payload}>`).send(text)],
  'reply.redirect': ['recorded', (reply) => reply.redirect('/elsewhere', 303)],
  'reply.callNotFound': ['recorded', (reply) => first(reply.callNotFound(), reply)],
  'reply.raw after hijack': [
    'recorded',
    (reply, text) => {
      reply.hijack()
      reply.raw.writeHead(201, { 'content-type': 'text/plain' })
      reply.raw.write('first ')
      setTimeout(() => reply.raw.end(text), 10)
      return reply
    },
  ],
  'an error of the client': [
    'recorded',
    () => {
      throw Object.assign(new Error('not like this'), { statusCode: 422 })
    },
  ],
  'a thrown error': [
    'released',
    () => {
      throw new Error('thrown on purpose')
    },
  ],
  'reply.send of an error': ['released', (reply) => reply.send(new Error('sent on purpose'))],
  'a stream that fails at once': ['released', (reply) => reply.send(createReadStream(`${FILE}.none`))],
  'a stream that fails half-way': ['released', (reply) => reply.send(Readable.from(half(), { objectMode: false }))],
  'an event stream': [
    'event-stream',
    (reply) => reply.type('text/event-stream').send(Readable.from(['data: one\n\n'], { objectMode: false })),
  ],
  'more than is kept': ['too-long', (reply) => reply.send(Buffer.alloc(300_000))],
}

function first<T>(_done: unknown, answer: T): T {
  return answer
}

async function* half() {
  yield Buffer.from('half of ')
  throw new Error('half-way on purpose')
}

export const fastifyHarness: HttpHarness = {
  async serve({ once, options, routes }: HttpServeSpec) {
    const app = fastify({ forceCloseConnections: true })
    await app.register(cors)
    app.register(idempotency, { once, ...options })
    // As multipart plugins do: bytes of other types stay with whoever handles them.
    app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    for (const route of routes) {
      const add = (instance: FastifyInstance) =>
        void instance.route({ method: route.method, url: route.path, handler: handlerOf(route) })
      if (route.mount === undefined) add(app)
      else app.register(async (child) => add(child), { prefix: route.mount })
    }
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    return { url, close: () => app.close(), describe: () => Reflect.get(app, 'idempotency').describe() }
  },
  ways: Object.fromEntries(Object.entries(WAYS).map(([name, [truth]]) => [name, truth])),
}

function handlerOf(route: HttpRoute) {
  return async (request: FastifyRequest, reply: FastifyReply) => {
    const body = request.body instanceof Readable ? await bytesIn(request.body) : bytesOf(request.body)
    const script = await route.run({ body, op: operationOf(request) })
    if (route.way !== undefined) return WAYS[route.way]?.[1](reply, String(script.body))
    if (typeof script.body === 'object' && Symbol.asyncIterator in script.body) {
      reply.hijack()
      return sendScript(reply.raw, script)
    }
    reply.code(script.status)
    const names = new Set(script.headers?.map(([name]) => name))
    for (const one of names) {
      const values = script.headers?.filter(([name]) => name === one).map(([, value]) => value)
      reply.header(one, values?.length === 1 ? values[0] : values)
    }
    return reply.send(script.body === undefined || script.body.length === 0 ? undefined : Buffer.from(script.body))
  }
}

async function bytesIn(stream: Readable): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
