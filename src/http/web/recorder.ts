import type { Cancel, Runtime } from '../../core/runtime.ts'
import type { HeaderField, HttpReply, Omitted } from '../call.ts'
import { joined } from './body.ts'

export interface RecorderOptions {
  readonly runtime: Runtime
  /** The headers worth keeping, in lower case. */
  readonly kept: ReadonlySet<string>
  readonly maxBodyBytes: number
  /** Nothing leaves before it was let go: what is sent must not be taken back by a rollback. */
  readonly holdAll: boolean
  /** How long a stream whose client left may be silent, before that counts as its end. */
  readonly graceMs: number
  /** How long it may go on after that. */
  readonly longestMs: number
  /** Takes what goes on when the answer is settled. */
  readonly background: (work: Promise<unknown>) => void
  /** What aborts when the client leaves, on servers that say so. Asked for only where it matters: it is not free. */
  readonly leaves: () => AbortSignal | undefined
  /** Told at most once: the handler's answer is slow or long, and this is how it reaches the client from now on. */
  readonly streams: (response: Response) => void
}

type Reader = ReadableStreamDefaultReader<Uint8Array>

/**
 * Reads the answer of a handler to its end, whatever becomes of the client. One that is there within a turn of the event
 * loop is held whole; of any other only the end waits until `letGo`.
 */
export class Recorder {
  /** The whole answer. Rejects when the handler's stream breaks. */
  readonly reply: Promise<HttpReply>
  readonly #response: Response
  readonly #options: RecorderOptions
  /** Everything so far that nobody was given. */
  #unsent: Uint8Array[] = []
  #recorded: Uint8Array[] = []
  #length = 0
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #reader: Reader | undefined
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

  /** The answer to give, when it was held whole. One that streams ends now. */
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

  /** The answer does not stand: where some of it is out, the connection is cut, and the client has to ask again. */
  cut(reason: unknown): void {
    if (this.#clientLeft) return
    this.#clientLeft = true
    this.#controller?.error(reason)
    this.#wake()
  }

  async #record(): Promise<HttpReply> {
    const { body, headers } = this.#response
    if (headers.get('content-type')?.trim().toLowerCase().startsWith('text/event-stream')) {
      return this.#told('event-stream')
    }
    if (body === null) return this.#told()
    this.#reader = body.getReader()
    const { runtime, holdAll, maxBodyBytes } = this.#options
    if (!holdAll) this.#cleanUp.push(runtime.after(0, () => this.#stream()))
    try {
      while (!this.#givenUp) {
        const read = await this.#next(this.#reader)
        if (read === undefined || read.done) break
        this.#take(read.value)
        await this.#room()
        // What is not kept, and has nobody to go to, need not be made: it might never end.
        if (this.#clientLeft && this.#length > maxBodyBytes) this.#giveUp()
      }
    } catch (error) {
      if (!this.#isForLeaving(error)) throw error
      this.#givenUp = true
    } finally {
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
    // A copy: what is handed to a stream may be detached by whoever reads it.
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

  /** A client that was told the length has its answer with the last byte, and waits for no end. */
  #pass(chunk: Uint8Array): void {
    const told = this.#response.headers.get('content-length')
    if (told !== null && this.#length >= Number(told)) this.#unsent.push(chunk)
    else if (!this.#clientLeft) this.#controller?.enqueue(chunk)
  }

  /** Waits for a slow client, as long as there is one. */
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
    this.#watch()
  }

  /** `undefined`: it fell silent after its client had left. */
  #next(reader: Reader): Promise<Awaited<ReturnType<Reader['read']>> | undefined> {
    return new Promise((resolve, reject) => {
      this.#stopReading = () => resolve(undefined)
      reader.read().then(resolve, reject)
    })
  }

  /** Some streams wait for a reader that is gone: no end would ever come. Others work on, and are not to be stopped. */
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

  /** A handler that stops its stream because nobody listens any more has not failed. */
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

/** Lets a handler that makes its answer while it works come to its end, though nobody keeps it. It might never end. */
async function readOn(reader: Reader, { runtime, longestMs, maxBodyBytes }: RecorderOptions): Promise<void> {
  let length = 0
  const cancel = runtime.after(longestMs, () => void reader.cancel().catch(() => {}))
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      length += read.value.byteLength
      if (length > maxBodyBytes) return await reader.cancel()
    }
  } catch {
    // Its answer is settled.
  } finally {
    cancel()
  }
}
