import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { HttpReply } from '../call.ts'
import { fieldsOf } from './send.ts'

/** The part of Fastify's reply that is used. */
export interface FastifyReplyLike {
  readonly raw: ServerResponse
  readonly sent: boolean
  code(status: number): unknown
  header(name: string, value: unknown): unknown
  send(payload?: unknown): unknown
}

/** Sends a reply through Fastify, so that the application's hooks see it like any other answer. */
export function sendThrough(reply: FastifyReplyLike, answer: HttpReply): void {
  reply.code(answer.status)
  for (const [name, value] of fieldsOf(answer)) reply.header(name, value)
  if (answer.body === undefined || answer.body.length === 0) return void reply.send()
  const body = Buffer.from(answer.body.buffer, answer.body.byteOffset, answer.body.byteLength)
  if (answer.headers.some(([name]) => name === 'content-type')) return void reply.send(body)
  // Fastify sets a default content type for a buffer, but not for a stream.
  reply.header('content-length', body.length)
  reply.send(Readable.from([body], { objectMode: false }))
}
