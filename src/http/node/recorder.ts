import type { ServerResponse } from 'node:http'
import type { Runtime } from '../../core/runtime.ts'
import type { HeaderField, HttpReply, Omitted } from '../call.ts'
import { endedHere, isClosed, pretendConnected, setFinished, takeBackHead } from './connection.ts'
import { headersFrom, headWords } from './head.ts'
import { freeLayer, type Layer, type Listener, type Native, type Words } from './hooks.ts'

export interface RecorderOptions {
  readonly runtime: Runtime
  /** The headers worth keeping, in lower case. */
  readonly kept: ReadonlySet<string>
  /** Those, and what tells how an answer is to be taken: `content-type` and `content-length`. */
  readonly heard: ReadonlySet<string>
  readonly maxBodyBytes: number
  /** Nothing leaves before it was let go: what is sent must not be taken back by a rollback. */
  readonly holdAll: boolean
  /** How long a handler whose client left may be silent in the middle of its answer, before that counts as its end. */
  readonly graceMs: number
}

type Callback = (error?: Error | null) => void

/** What a handler said before any byte of it: what stands in front of the guard may change it on its way out. */
interface Head {
  readonly status: number
  readonly headers: readonly HeaderField[]
}

/** Of an answer that the server itself cut off by destroying the connection. */
export class BrokenOff extends Error {
  constructor() {
    super('the handler broke its answer off: the connection was destroyed before the end')
  }
}

/**
 * Listens to whatever a handler does to `res`, and passes it on; only the end waits until `letGo`, so that a client that
 * has its answer can have it again. One that leaves is hidden from the handler: what is half done would stay so.
 */
export class Recorder implements Listener {
  /** The whole answer. Rejects when the handler broke it off. */
  readonly reply: Promise<HttpReply>
  /** The same, once it is there. */
  own: HttpReply | undefined
  readonly #res: ServerResponse
  readonly #options: RecorderOptions
  readonly #layer: Layer
  readonly #native: Native
  #resolve!: (reply: HttpReply) => void
  #reject!: (error: Error) => void
  #state: 'recording' | 'held' | 'open' = 'recording'
  #chunks: Buffer[] = []
  #length = 0
  #head: Head | undefined
  #unsent: Words[] = []
  #end: Words = []
  #destroyed = false
  #clientLeft = false
  #activity = 0

  constructor(res: ServerResponse, options: RecorderOptions) {
    this.#res = res
    this.#options = options
    this.reply = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#layer = freeLayer(res)
    this.#native = this.#layer.hear(res, this)
    // It left while the operation was being claimed: no event will tell of it any more.
    if (isClosed(res)) this.#hideLoss()
  }

  get holding(): boolean {
    return this.#state === 'held'
  }

  /** Lets the end of the handler's answer go to the client, if there is one left. */
  letGo(): void {
    if (!this.#open()) return
    for (const words of this.#unsent) this.#native.write.apply(this.#res, words as never)
    this.#native.end.apply(this.#res, this.#end as never)
  }

  /**
   * Takes the handler's answer back, and answers whether another one can be sent. When some of it is out, the connection
   * is cut, and the client has to ask again.
   */
  takeBack(): boolean {
    if (!this.#open()) return false
    if (!takeBackHead(this.#res)) {
      this.#res.destroy()
      return false
    }
    for (const name of [...this.#options.kept, 'content-length', 'transfer-encoding']) this.#res.removeHeader(name)
    return true
  }

  /** Answers whether there is anything to send, and anybody to send it to. */
  #open(): boolean {
    if (this.#state === 'open') return false
    this.#state = 'open'
    if (this.#clientLeft) {
      this.#native.emit.call(this.#res, 'close')
      return false
    }
    setFinished(this.#res, false)
    return true
  }

  onWriteHead(words: Words): ServerResponse {
    const said = this.#state === 'recording' ? this.#said(words) : undefined
    const answered = this.#native.writeHead.apply(this.#res, words as never)
    if (said !== undefined) this.#onHead(said)
    return answered
  }

  onWrite(words: Words): boolean {
    if (this.#state === 'open') return this.#native.write.apply(this.#res, words as never)
    if (this.#state === 'held') return false
    this.#activity++
    if (this.#isEventStream()) {
      this.#settle('open', 'event-stream')
      return this.#native.write.apply(this.#res, words as never)
    }
    const [chunk, then] = chunkOf(words)
    this.#record(chunk, words)
    if (this.#clientLeft) {
      if (this.#length > this.#options.maxBodyBytes) return this.#giveUp()
      if (then !== undefined) process.nextTick(then)
      return true
    }
    if (!this.#options.holdAll && !this.#isWhole()) return this.#native.write.apply(this.#res, words as never)
    this.#unsent.push([Buffer.from(chunk)])
    // Some send more only when they hear of this.
    if (then !== undefined) process.nextTick(then)
    return true
  }

  onEnd(words: Words): ServerResponse {
    if (this.#state === 'open') return this.#native.end.apply(this.#res, words as never)
    if (this.#state === 'held') return this.#res
    this.#record(chunkOf(words)[0], words)
    this.#end = words
    this.#settle('held')
    return this.#res
  }

  onEmit(event: string | symbol, words: Words): boolean {
    if (event === 'close' && this.#state === 'recording') return this.#onClose()
    return this.#native.emit.call(this.#res, event, ...words)
  }

  onDestroy(error: Error | undefined): ServerResponse {
    this.#destroyed = true
    // Its client left before: no event will tell of this.
    if (this.#clientLeft && this.#state === 'recording') this.#stopped(error)
    return this.#native.destroy.call(this.#res, error)
  }

  #said(words: Words): Head {
    const status = typeof words[0] === 'number' ? words[0] : this.#res.statusCode
    return { status, headers: headersFrom(this.#res, headWords(words), this.#options.heard) }
  }

  #onHead(said: Head): void {
    this.#activity++
    // Node writes the head itself with the first byte, through `writeHead`; a second one throws.
    this.#head ??= said
    if (this.#isEventStream()) this.#settle('open', 'event-stream')
  }

  /** What is not kept, and has nobody to go to, need not be made: it might never end. */
  #giveUp(): false {
    this.#settle('open')
    Object.assign(this.#res, { destroyed: true })
    this.#native.emit.call(this.#res, 'close')
    return false
  }

  /** Koa stops a stream when its client leaves, and the response with it; that is not a failure of the handler. */
  #stopped(error: NodeJS.ErrnoException | undefined): void {
    const byItself = error?.code === 'ERR_STREAM_PREMATURE_CLOSE' || error?.name === 'AbortError'
    if (byItself) this.#settle('held', 'cut-off')
    else this.#breakOff()
  }

  #breakOff(): void {
    this.#state = 'open'
    this.#reject(new BrokenOff())
  }

  /** The connection is over while the handler is at work. */
  #onClose(): boolean {
    // What ends a connection without a word to the response, before anything was said, is not the handler: a server that
    // closes, or a time limit. The handler is still at work, and its key must not become free.
    if (this.#destroyed || (this.#res.headersSent && endedHere(this.#res))) {
      this.#breakOff()
      return this.#native.emit.call(this.#res, 'close')
    }
    this.#hideLoss()
    return true
  }

  #hideLoss(): void {
    this.#clientLeft = true
    // A stream that is piped into this response, or bytes that are out: the handler has decided what it answers.
    const begun = this.#head !== undefined || this.#res.listenerCount('unpipe') > 0
    pretendConnected(this.#res)
    // Whoever waits until its client has read would wait for ever.
    if (begun) process.nextTick(() => this.#native.emit.call(this.#res, 'drain'))
    this.#watch(begun)
  }

  /** What sends files watches the socket itself and stops without a word when it is gone: no end would ever come. */
  #watch(begun: boolean): void {
    const seen = this.#activity
    this.#options.runtime.after(this.#options.graceMs, () => {
      if (this.#state !== 'recording') return
      const silent = seen === this.#activity
      if (silent && begun) this.#settle('held', 'cut-off')
      else this.#watch(begun || !silent)
    })
  }

  #record(chunk: Buffer, words: Words): void {
    this.#length += chunk.length
    if (this.#length > this.#options.maxBodyBytes) this.#chunks = []
    // A copy, where it is not one of ours: the handler may use its buffer again.
    else if (chunk.length > 0) this.#chunks.push(typeof words[0] === 'string' ? chunk : Buffer.from(chunk))
  }

  #settle(state: 'held' | 'open', why?: Omitted): void {
    this.#state = state
    if (state === 'held') this.#layer.showHeld(this.#res)
    const omitted = why ?? (this.#length > this.#options.maxBodyBytes ? 'too-long' : undefined)
    const { status, headers: said } = this.#head ?? this.#said([])
    const headers = said.filter(([name]) => this.#options.kept.has(name))
    const body = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks)
    this.own = omitted === undefined ? { status, headers, body } : { status, headers, body: undefined, omitted }
    this.#resolve(this.own)
  }

  /** A client that was told the length has its answer with the last byte, and waits for no end. */
  #isWhole(): boolean {
    const field = (this.#head ?? this.#said([])).headers.find(([name]) => name === 'content-length')
    return field !== undefined && this.#length >= Number(field[1])
  }

  #isEventStream(): boolean {
    const field = (this.#head ?? this.#said([])).headers.find(([name]) => name === 'content-type')
    return field?.[1].trim().toLowerCase().startsWith('text/event-stream') ?? false
  }
}

const NOTHING = Buffer.alloc(0)

function chunkOf(words: Words): [Buffer, Callback | undefined] {
  const [first, second] = words
  const then = words.find(isCallback)
  if (typeof first === 'string') {
    return [Buffer.from(first, typeof second === 'string' ? (second as BufferEncoding) : 'utf8'), then]
  }
  if (first instanceof Uint8Array) return [Buffer.from(first.buffer, first.byteOffset, first.byteLength), then]
  return [NOTHING, then]
}

function isCallback(word: unknown): word is Callback {
  return typeof word === 'function'
}
