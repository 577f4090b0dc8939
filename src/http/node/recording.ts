import type { ServerResponse } from 'node:http'
import type { Runtime } from '../../core/runtime.ts'
import type { HeaderField, HttpReply, Omitted } from '../call.ts'
import { headOnStream } from './connection.ts'
import { headersFrom, headWords } from './head.ts'
import { type Callback, isCallback, type Words } from './hooks.ts'

export interface RecordingOptions {
  /** Names of the headers to store, in lower case. */
  readonly kept: ReadonlySet<string>
  /** `kept`, and those that say how to read the body: `content-type` and `content-length`. */
  readonly heard: ReadonlySet<string>
  readonly maxBodyBytes: number
}

export interface RecorderOptions extends RecordingOptions {
  readonly runtime: Runtime
  /** Send nothing before `letGo`: a rollback could not take it back. */
  readonly holdAll: boolean
  /** How long a handler whose client left may write nothing in the middle of its answer; then that counts as over. */
  readonly graceMs: number
}

/** Status and headers as the handler set them; outer middleware may change them on their way out. */
export interface Head {
  readonly status: number
  readonly headers: readonly HeaderField[]
}

/** What was recorded of an answer so far. */
export class Recording {
  readonly #res: ServerResponse
  readonly #options: RecordingOptions
  #head: Head | undefined
  #chunks: Buffer[] = []
  #length = 0

  constructor(res: ServerResponse, options: RecordingOptions) {
    this.#res = res
    this.#options = options
  }

  /** Whether the head was written; until then it may change. */
  get begun(): boolean {
    return this.#head !== undefined
  }

  get tooLong(): boolean {
    return this.#length > this.#options.maxBodyBytes
  }

  /** Returns the head for the arguments of `writeHead`. Call it first: afterwards the head is out of reach. */
  said(words: Words): Head {
    // Converted as Node does it: text is accepted, too.
    const status = Number(words.length > 0 ? words[0] : this.#res.statusCode) | 0
    return { status, headers: headersFrom(this.#res, headWords(words), this.#options.heard) }
  }

  /** Records the first head. Node itself calls `writeHead` with the first byte, and throws on a second call. */
  headed(said: Head): void {
    this.#head ??= said
  }

  /** Records the head of an answer that was sent on the stream of HTTP/2, past the response, if there is one. */
  headedPast(): boolean {
    const sent = this.#head === undefined ? headOnStream(this.#res) : undefined
    if (sent === undefined) return false
    this.headed({ status: Number(sent[':status']), headers: headersFrom(this.#res, sent, this.#options.heard) })
    return true
  }

  /** Copies the chunk, unless it is `ours`: the handler may reuse its buffer. */
  wrote(chunk: Buffer, ours: boolean): void {
    this.#length += chunk.length
    if (this.tooLong) this.#chunks = []
    else if (chunk.length > 0) this.#chunks.push(ours ? chunk : Buffer.from(chunk))
  }

  reply(why: Omitted | undefined): HttpReply {
    const omitted = why ?? (this.tooLong ? 'too-long' : undefined)
    const { status, headers: said } = this.#head ?? this.said([])
    const headers = said.filter(([name]) => this.#options.kept.has(name))
    const body = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks)
    return omitted === undefined ? { status, headers, body } : { status, headers, body: undefined, omitted }
  }

  /** Whether `content-length` bytes were written: the client then has its answer without waiting for the end. */
  get isWhole(): boolean {
    return Number(this.#missing()) <= 0
  }

  /** Whether the client has all of its answer with the head. */
  get isHeadAlone(): boolean {
    return this.#isBodiless || this.isWhole
  }

  /** How many bytes of `content-length` were not written yet; `undefined` where there is none, or never a body. */
  missing(): number | undefined {
    return this.#isBodiless ? undefined : this.#missing()
  }

  get #isBodiless(): boolean {
    const { status } = this.#head ?? this.said([])
    return this.#res.req.method === 'HEAD' || status === 204 || status === 304
  }

  #missing(): number | undefined {
    const length = this.#field('content-length')
    return length === undefined ? undefined : Number(length) - this.#length
  }

  get isEventStream(): boolean {
    return this.#field('content-type')?.trim().toLowerCase().startsWith('text/event-stream') ?? false
  }

  #field(name: string): string | undefined {
    return (this.#head ?? this.said([])).headers.find(([one]) => one === name)?.[1]
  }
}

const NOTHING = Buffer.alloc(0)

/** Returns the bytes and the callback among the arguments of `write` or `end`. */
export function chunkOf(words: Words): [Buffer, Callback | undefined] {
  const [first, second] = words
  const then = words.find(isCallback)
  if (typeof first === 'string') {
    return [Buffer.from(first, typeof second === 'string' ? (second as BufferEncoding) : 'utf8'), then]
  }
  if (first instanceof Uint8Array) return [Buffer.from(first.buffer, first.byteOffset, first.byteLength), then]
  return [NOTHING, then]
}

/** Returns the arguments of `end` for a later call. The chunk is copied: the handler may reuse its buffer. */
export function lasting(words: Words): Words {
  const [chunk, ...rest] = words
  return chunk instanceof Uint8Array ? [Buffer.from(chunk), ...rest] : words
}
