import assert from 'node:assert/strict'
import { Agent, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { PROBLEM_TYPE } from './harness.ts'

export interface Ask {
  /** The raw value of the header field. */
  readonly key?: string
  readonly body?: string | Uint8Array
  readonly type?: string
  readonly user?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  /** Called when the head of the answer has arrived. */
  readonly onHead?: () => void
}

export interface Answer {
  readonly status: number
  readonly body: Buffer
  /** `undefined` if the header is missing; several lines are joined with `, `. */
  header(name: string): string | undefined
  /** Every line of a header. */
  lines(name: string): readonly string[]
  json(): Record<string, unknown>
  readonly replayed: boolean
}

export interface Client {
  ask(path: string, ask?: Ask): Promise<Answer>
  /** Sends all but the last byte of a request; the returned function sends that byte. */
  prepare(path: string, ask: Ask): Promise<() => Promise<Answer>>
  /** Writes `bytes` on its own connection; returns everything received until it was closed. */
  raw(bytes: string | Uint8Array, options?: { readonly thenEnd?: boolean }): Promise<string>
  /** Asks, and cuts the connection: once the request is sent, or once the first bytes of the answer have arrived. */
  abandon(path: string, ask: Ask, when: 'sent' | 'answered' | (() => Promise<unknown>)): Promise<void>
  close(): void
}

/** Longer than any case takes, to tell hanging from slow. */
const HANG_MS = 15_000

export function clientOf(url: string): Client {
  const { hostname, port } = new URL(url)
  const agent = new Agent({ keepAlive: true })

  function open(
    path: string,
    { key, type = 'application/json', user, body = '{}', method = 'POST', headers, onHead }: Ask,
  ) {
    const bytes = method === 'GET' || method === 'HEAD' ? Buffer.alloc(0) : Buffer.from(body)
    const outgoing = request({
      agent,
      hostname,
      port,
      path,
      method,
      headers: {
        ...(bytes.length > 0 ? { 'content-type': type, 'content-length': bytes.length } : {}),
        ...(user === undefined ? {} : { 'x-user': user }),
        ...(key === undefined ? {} : { 'idempotency-key': key }),
        ...(headers as Record<string, string | string[]>),
      },
    })
    outgoing.setTimeout(HANG_MS, () => outgoing.destroy(new Error(`no answer to ${method} ${path} in ${HANG_MS} ms`)))
    const answer = new Promise<Answer>((resolve, reject) => {
      outgoing.on('error', reject)
      outgoing.on('response', (incoming) => {
        onHead?.()
        readAll(incoming).then(resolve, reject)
      })
    })
    answer.catch(() => {})
    return { outgoing, bytes, answer }
  }

  return {
    ask(path, ask = {}) {
      const { outgoing, bytes, answer } = open(path, ask)
      outgoing.end(bytes)
      return answer
    },
    async prepare(path, ask) {
      const { outgoing, bytes, answer } = open(path, ask)
      await new Promise((done) => outgoing.write(bytes.subarray(0, -1), done))
      return () => {
        outgoing.end(bytes.subarray(-1))
        return answer
      }
    },
    raw: (bytes, { thenEnd = false } = {}) =>
      new Promise((resolve, reject) => {
        const chunks: Buffer[] = []
        const socket = connect(Number(port), hostname)
        socket.setTimeout(HANG_MS, () => socket.destroy(new Error(`the connection was still open after ${HANG_MS} ms`)))
        socket.on('data', (chunk) => chunks.push(chunk))
        socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
        // A server may reset the connection early; only its effect matters.
        socket.on('error', (error: NodeJS.ErrnoException) => error.code === undefined && reject(error))
        if (thenEnd) socket.end(bytes)
        else socket.write(bytes)
      }),
    async abandon(path, ask, when) {
      const { outgoing, bytes } = open(path, ask)
      const closed = new Promise((resolve) => outgoing.on('close', resolve))
      const answered = new Promise<void>((resolve) =>
        outgoing.on('response', (incoming) => incoming.once('data', () => resolve()).on('error', () => {})),
      )
      outgoing.on('error', () => {})
      await new Promise<void>((resolve) => outgoing.end(bytes, resolve))
      if (when === 'answered') await answered
      else if (typeof when === 'function') await when()
      outgoing.destroy()
      await closed
    },
    close: () => agent.destroy(),
  }
}

async function readAll(incoming: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  const { statusCode: status = 0, rawHeaders } = incoming
  const body = Buffer.concat(chunks)
  const lines = (name: string) =>
    rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name)
  const header = (name: string) => (lines(name).length === 0 ? undefined : lines(name).join(', '))
  return {
    status,
    body,
    header,
    lines,
    json: () => JSON.parse(body.toString()),
    replayed: header('idempotency-replayed') === 'true',
  }
}

/** Asserts that the answer is a problem document of this status and `code`. */
export function refused(answer: Answer, status: number, code: string): void {
  assert.equal(answer.status, status, `${answer.status} ${answer.body}`)
  assert.equal(answer.header('content-type')?.split(';')[0], PROBLEM_TYPE)
  assert.equal(answer.json().code, code)
}

/** Asserts that the second answer repeats the first: status, content and bytes. */
export function sameAnswer(second: Answer, first: Answer): void {
  assert.equal(second.status, first.status, `${second.status} ${second.body.subarray(0, 300)}`)
  assert.equal(second.header('content-type'), first.header('content-type'))
  assert.equal(second.header('location'), first.header('location'))
  assert.ok(second.body.equals(first.body), `${show(second.body)} should be ${show(first.body)}`)
}

export function replayOf(second: Answer, first: Answer): void {
  sameAnswer(second, first)
  assert.ok(second.replayed, 'a replay says that it is one')
  assert.ok(!first.replayed, 'the first answer is no replay')
}

function show(body: Buffer): string {
  return `${body.length} bytes ${JSON.stringify(body.subarray(0, 60).toString('latin1'))}`
}
