import type { Cancel, Runtime } from '../../core/runtime.ts'
import type { HeaderField, HttpReply, Omitted } from '../call.ts'
import { joined } from './body.ts'

export interface RecorderOptions {
  readonly runtime: Runtime
  /** Names of the headers to store, in lower case. */
  readonly kept: ReadonlySet<string>
  readonly maxBodyBytes: number
  /** Send nothing before `letGo`: a rollback could not take it back. */
  readonly holdAll: boolean
  /** How long a stream may yield nothing after its client left; then it counts as over. */
  readonly graceMs: number
  /** How long it is read on after that. */
  readonly longestMs: number
  /** Registers work that goes on after the answer is settled. */
  readonly background: (work: Promise<unknown>) => void
  /** Returns a signal that aborts when the client leaves, if the server has one. Called only if needed: it costs. */
  readonly leaves: () => AbortSignal | undefined
  /** Called at most once, if the answer is slow or long: with the response that streams it to the client. */
  readonly streams: (response: Response) => void
}

type Reader = ReadableStreamDefaultReader<Uint8Array>

/**
 * Reads the answer of a handler to its end, even if the client leaves. An answer that is complete within a turn of the
 * event loop is held as a whole; of any other only the end is held until `letGo`.
 */
export class Recorder {
  /** The whole answer. Rejects when the handler's stream breaks. */
  readonly reply: Promise<HttpReply>
  readonly #response: Response
  readonly #options: RecorderOptions
  /** Chunks that were not passed on yet. */
  #unsent: Uint8Array[] = []
  #recorded: Uint8Array[] = []
  #length = 0
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #reader: Reader | undefined
  /** The body of an event stream, which is not read here. */
  #events: ReadableStream<Uint8Array> | null = null
  #reading = false
  #clientLeft = false
  #givenUp = false
  #wake = () => {}
  #stopReading = () => {}
  #cleanUp: Cancel[] = []
  #unwatch: Cancel = () => {}

  constructor(response: Response, options: RecorderOptions) {
    this.#response = response
    this.#options = options
    this.reply = this.#record()
  }

  /** Returns the response to send, if it was held as a whole. One that streams ends now. */
  letGo(): Response {
    if (this.#controller !== undefined) {
      if (this.#clientLeft) return this.#response
      for (const chunk of this.#unsent) this.#controller.enqueue(chunk)
      this.#controller.close()
      return this.#response
    }
    if (this.#reader === undefined) return this.#response
    return this.#copy(this.#length === 0 ? null : joined(this.#unsent))
  }

  /** Aborts an answer that does not stand. If part of it is out, the connection is cut: the client must ask again. */
  cut(reason: unknown): void {
    if (this.#clientLeft) return
    this.#controller?.error(reason)
    void this.#events?.cancel(reason).catch(() => {})
    this.#onLeft()
  }

  async #record(): Promise<HttpReply> {
    const { body, headers } = this.#response
    if (headers.get('content-type')?.trim().toLowerCase().startsWith('text/event-stream')) {
      this.#events = body
      return this.#told('event-stream')
    }
    if (body === null) return this.#told()
    this.#reader = body.getReader()
    this.#reading = true
    const { runtime, holdAll, maxBodyBytes } = this.#options
    if (!holdAll) this.#cleanUp.push(runtime.after(0, () => this.#stream()))
    try {
      while (!this.#givenUp) {
        const read = await this.#next(this.#reader)
        if (read === undefined || read.done) break
        this.#take(read.value)
        await this.#room()
        // An answer that is too long to store and has no client need not be produced: it might never end.
        if (this.#clientLeft && this.#length > maxBodyBytes) this.#giveUp()
      }
    } catch (error) {
      if (!this.#isForLeaving(error)) throw error
      this.#givenUp = true
    } finally {
      this.#reading = false
      for (const undo of [...this.#cleanUp, this.#unwatch]) undo()
    }
    if (this.#length > maxBodyBytes) return this.#told('too-long')
    return this.#told(this.#givenUp ? 'cut-off' : undefined)
  }

  #take(chunk: Uint8Array): void {
    if (!(chunk instanceof Uint8Array)) throw new TypeError('a response streams bytes; got something else')
    const { maxBodyBytes, holdAll } = this.#options
    this.#length += chunk.length
    if (this.#length > maxBodyBytes) this.#recorded = []
    if (this.#controller === undefined) {
      this.#unsent.push(chunk)
      if (this.#length <= maxBodyBytes) this.#recorded.push(chunk)
      else if (!holdAll) this.#stream()
      return
    }
    // Copied, because the reader of a stream may detach its chunks.
    if (this.#length <= maxBodyBytes) this.#recorded.push(chunk.slice())
    this.#pass(chunk)
  }

  #stream(): void {
    if (this.#controller !== undefined) return
    const leave = () => this.#onLeft()
    const start = (controller: ReadableStreamDefaultController<Uint8Array>) => {
      this.#controller = controller
    }
    const stream = new ReadableStream<Uint8Array>({ start, pull: () => this.#wake(), cancel: leave })
    for (const chunk of this.#unsent.splice(0)) this.#pass(chunk.slice())
    const leaves = this.#options.leaves()
    if (leaves?.aborted) leave()
    leaves?.addEventListener('abort', leave, { once: true })
    this.#cleanUp.push(() => leaves?.removeEventListener('abort', leave))
    this.#options.streams(this.#copy(stream))
  }

  /** Passes a chunk on, unless it completes `content-length`: the client would not wait for the end. */
  #pass(chunk: Uint8Array): void {
    const told = this.#response.headers.get('content-length')
    if (told !== null && this.#length >= Number(told)) this.#unsent.push(chunk)
    else if (!this.#clientLeft) this.#controller?.enqueue(chunk)
  }

  /** Waits while the client is slow, until it leaves. */
  async #room(): Promise<void> {
    while (!this.#clientLeft && (this.#controller?.desiredSize ?? 1) <= 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  #onLeft(): void {
    if (this.#clientLeft) return
    this.#clientLeft = true
    this.#wake()
    if (this.#reading) this.#watch()
  }

  /** Reads the next chunk. `undefined`: the stream yielded nothing for `graceMs` after its client had left. */
  #next(reader: Reader): Promise<Awaited<ReturnType<Reader['read']>> | undefined> {
    return new Promise((resolve, reject) => {
      this.#stopReading = () => resolve(undefined)
      reader.read().then(resolve, reject)
    })
  }

  /** Gives up a stream that waits for a reader that is gone, and so never ends. One that still yields is read on. */
  #watch(): void {
    const seen = this.#length
    this.#unwatch = this.#options.runtime.after(this.#options.graceMs, () => {
      if (seen !== this.#length) return this.#watch()
      this.#givenUp = true
      this.#stopReading()
      if (this.#reader !== undefined) this.#options.background(readOn(this.#reader, this.#options))
    })
  }

  #giveUp(): void {
    this.#givenUp = true
    void this.#reader?.cancel().catch(() => {})
  }

  /** Whether the stream failed only because its client left, which is no failure of the handler. */
  #isForLeaving(error: unknown): boolean {
    if (!this.#clientLeft) return false
    return Object(error).name === 'AbortError' || error === this.#options.leaves()?.reason
  }

  #copy(body: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | null): Response {
    const { status, statusText, headers } = this.#response
    return new Response(body, { status, statusText, headers })
  }

  #told(omitted?: Omitted): HttpReply {
    const { status, headers: given } = this.#response
    const headers: HeaderField[] = []
    for (const name of this.#options.kept) {
      const value = given.get(name)
      if (value !== null) headers.push([name, value])
    }
    if (omitted !== undefined) return { status, headers, body: undefined, omitted }
    return { status, headers, body: joined(this.#recorded) }
  }
}

/** Reads an unstored stream on, so that a handler that works while it streams can finish. It might never end. */
async function readOn(reader: Reader, { runtime, longestMs, maxBodyBytes }: RecorderOptions): Promise<void> {
  let length = 0
  const cancel = runtime.after(longestMs, () => void reader.cancel().catch(() => {}))
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      length += read.value.byteLength
      if (length > maxBodyBytes) return await reader.cancel()
    }
  } catch {
    // Ignored, because the answer is settled.
  } finally {
    cancel()
  }
}
