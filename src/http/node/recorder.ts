import type { ServerResponse } from 'node:http'
import type { HttpReply, Omitted } from '../call.ts'
import { BrokenOff } from './broken-off.ts'
import { endedHere, holdHead, isClosed, pretendConnected, takeBackHead } from './connection.ts'
import { hideSocket, type Told } from './disguise.ts'
import { rememberHeaders } from './head.ts'
import { freeLayer, isCallback, type Listener, type Native, showEnded, silence, type Words } from './hooks.ts'
import { HeadersSent, refuseUnsendable } from './native-errors.ts'
import { chunkOf, type Head, lasting, type RecorderOptions, Recording } from './recording.ts'
import { sendReply } from './send.ts'

/**
 * Records what a handler does to `res`, and passes it on. Only the end is held until `letGo`, so that an answer that a
 * client has can be replayed. A client that leaves is hidden from the handler, which would otherwise stop half-way.
 */
export class Recorder implements Listener {
  /** The whole answer. Rejects when the handler aborted it. */
  readonly reply: Promise<HttpReply>
  /** The value of `reply`, as soon as it is known. */
  own: HttpReply | undefined
  /** Rejects `reply`: the handler threw before it had answered. */
  fail!: (error: unknown) => void
  readonly #res: ServerResponse
  readonly #options: RecorderOptions
  readonly #native: Native
  readonly #recording: Recording
  readonly #restoreHeaders: () => void
  #resolve!: (reply: HttpReply) => void
  #state: 'recording' | 'held' | 'open' = 'recording'
  #unsent: Words[] = []
  #end: Words = []
  #destroyed = false
  #timedOut = false
  #clientLeft = false
  #activity = 0
  #ended = false
  #showHead: (() => void) | undefined
  #showSocket: (() => void) | undefined

  /** `told`: shown in place of the connection from the start, for frameworks that check it while the handler runs. */
  constructor(res: ServerResponse, options: RecorderOptions, told?: Told) {
    this.#res = res
    this.#options = options
    this.#recording = new Recording(res, options)
    this.#restoreHeaders = rememberHeaders(res)
    this.reply = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.fail = reject
    })
    this.#native = freeLayer(res).hear(res, this)
    if (told !== undefined) this.#hideSocket(told)
    // The client left during the claim: no event will report that any more.
    if (isClosed(res)) this.#hideLoss()
  }

  get holding(): boolean {
    return this.#state === 'held' && this.#ended
  }

  /** Releases the end of the handler's answer to its client, if that is still there. */
  letGo(): void {
    if (!this.#open()) return
    let flows = true
    for (const words of this.#unsent) flows = this.#native.write.apply(this.#res, words as never)
    if (this.#ended) return void this.#native.end.apply(this.#res, this.#end as never)
    this.#native.flushHeaders.call(this.#res)
    if (flows) this.#native.emit.call(this.#res, 'drain')
  }

  /**
   * Takes the handler's answer back. Returns whether another can be sent. If part of it was sent, the connection is
   * destroyed, and the client has to ask again.
   */
  takeBack(): boolean {
    const isOut = this.#state === 'open'
    if (!isOut && !this.#open()) return false
    if (isOut || !takeBackHead(this.#res, this.#native)) {
      this.#res.destroy()
      return false
    }
    this.#restoreHeaders()
    return true
  }

  /**
   * Answers in the handler's place, after `takeBack`. The handler may still be running and has done nothing wrong: what
   * it does to its response from here on has no effect, and does not throw.
   */
  sendInstead(reply: HttpReply): void {
    Object.assign(this.#res, this.#native)
    sendReply(this.#res, reply)
    silence(this.#res, [...this.#unsent, this.#end], this.#options.runtime)
  }

  /** Stops holding. Returns whether there is anything to send, and a client to send it to. */
  #open(): boolean {
    if (this.#state === 'open') return false
    this.#stopHiding()
    return !this.#clientLeft
  }

  #stopHiding(): void {
    this.#state = 'open'
    this.#showHead?.()
    this.#showSocket?.()
    if (this.#clientLeft) this.#tellLeft()
  }

  onWriteHead(words: Words): ServerResponse {
    // Outer middleware must not see a head that is not sent.
    if (this.#state === 'held') throw new HeadersSent()
    const said = this.#state === 'recording' ? this.#recording.said(words) : undefined
    const answered = this.#native.writeHead.apply(this.#res, words as never)
    if (said !== undefined) this.#onHead(said)
    return answered
  }

  onFlushHeaders(): void {
    const held = this.#options.holdAll || this.#showHead !== undefined || this.#recording.isHeadAlone
    if (this.#state === 'open' || (this.#state === 'recording' && !held)) {
      this.#native.flushHeaders.call(this.#res)
    } else if (this.#state === 'recording' && this.#recording.isEventStream) this.#stream()
  }

  onWrite(words: Words): boolean {
    if (this.#state === 'open') return this.#native.write.apply(this.#res, words as never)
    refuseUnsendable(this.#res, 'write', words, this.#recording)
    const [chunk, then] = chunkOf(words)
    if (this.#state === 'held') {
      // A chunk of an event stream. Its callback is called when it is sent.
      if (!this.#ended) this.#unsent.push([Buffer.from(chunk), then])
      return false
    }
    this.#activity++
    if (this.#recording.isEventStream) {
      this.#stream()
      return this.onWrite(words)
    }
    this.#recording.wrote(chunk, typeof words[0] === 'string')
    if (this.#clientLeft) {
      this.#begin()
      if (this.#recording.tooLong && !this.#options.holdAll) return this.#giveUp()
      if (then !== undefined) process.nextTick(then)
      return true
    }
    if (!this.#options.holdAll && !this.#recording.isWhole) return this.#native.write.apply(this.#res, words as never)
    this.#begin()
    this.#unsent.push([Buffer.from(chunk)])
    // Some handlers send more only after this callback.
    if (then !== undefined) process.nextTick(then)
    return true
  }

  onEnd(words: Words): ServerResponse {
    if (this.#state === 'open') return this.#native.end.apply(this.#res, words as never)
    if (this.#ended) {
      // As Node does for a response that has ended and not yet been sent.
      const then = words.find(isCallback)
      return then === undefined ? this.#res : this.#res.on('finish', then)
    }
    refuseUnsendable(this.#res, 'end', words, this.#recording)
    this.#end = lasting(words)
    if (this.#state === 'held') this.#hasEnded()
    else {
      this.#recording.wrote(chunkOf(this.#end)[0], true)
      this.#hold()
    }
    return this.#res
  }

  onEmit(event: string | symbol, words: Words): boolean {
    if (event === 'close' && this.#state === 'recording') return this.#onClose()
    // Before Node or a listener destroys the connection.
    if (event === 'timeout') this.#timedOut = true
    return this.#native.emit.call(this.#res, event, ...words)
  }

  onDestroy(error: Error | undefined): ServerResponse {
    this.#destroyed = true
    if (this.#clientLeft && this.#state === 'recording') this.#stopped(error)
    return this.#native.destroy.call(this.#res, error)
  }

  /** With the first byte the head is settled. Otherwise an error handler would answer behind what was written already. */
  #begin(): void {
    if (this.#res.headersSent) return
    this.#recording.headed(this.#recording.said([]))
    this.#showHead = holdHead(this.#res)
  }

  #onHead(said: Head): void {
    this.#activity++
    this.#recording.headed(said)
    if (this.#recording.isEventStream) this.#stream()
  }

  /** An event stream has no end to wait for. */
  #stream(): void {
    this.#settle(this.#options.holdAll ? 'held' : 'open', 'event-stream')
  }

  /** Holds an answer of which nothing more will come. */
  #hold(why?: Omitted): void {
    this.#settle('held', why)
    this.#hasEnded()
  }

  /** Its handler may not be at its end: what it wrote until here must not be committed without the rest. */
  #cutOff(): void {
    if (this.#options.holdAll) this.#breakOff()
    else this.#hold('cut-off')
  }

  #hasEnded(): void {
    this.#ended = true
    showEnded(this.#res)
  }

  /** An answer that is too long to store and has no client need not be produced: it might never end. */
  #giveUp(): false {
    this.#settle('open')
    return false
  }

  /** Koa destroys a stream and the response when the client leaves, which no event tells; the handler has not failed. */
  #stopped(error: NodeJS.ErrnoException | undefined): void {
    const byItself = error?.code === 'ERR_STREAM_PREMATURE_CLOSE' || error?.name === 'AbortError'
    if (byItself) this.#cutOff()
    else this.#breakOff()
  }

  #breakOff(): void {
    this.#stopHiding()
    this.fail(new BrokenOff())
  }

  /** The connection closed while the handler runs. */
  #onClose(): boolean {
    // Nothing but that it happened, and how it began, is known of an answer that was sent past the response.
    if (this.#recording.headedPast()) this.#hold('cut-off')
    // Without `destroy`, the handler aborted the answer only if the head was sent, and neither the client, a time limit
    // nor a server shutdown closed the connection. Otherwise it still runs, and must keep its key.
    else if (this.#destroyed || (this.#res.headersSent && !this.#timedOut && endedHere(this.#res))) this.#breakOff()
    else {
      this.#hideLoss()
      return true
    }
    return this.#native.emit.call(this.#res, 'close')
  }

  #hideLoss(): void {
    this.#clientLeft = true
    // With the head written, or a stream piped into the response, the handler has decided on its answer.
    const begun = this.#recording.begun || this.#res.listenerCount('unpipe') > 0
    this.#hideSocket()
    pretendConnected(this.#res)
    // A handler that waits for its client to read would wait forever.
    if (begun) process.nextTick(() => this.#native.emit.call(this.#res, 'drain'))
    this.#watch(begun)
  }

  /** Shows the handler that its client left, so that it stops producing. */
  #tellLeft(): void {
    Object.assign(this.#res, { destroyed: true, _closed: true })
    // As Node does, not synchronously within a call of the handler, which may be about to listen.
    process.nextTick(() => this.#native.emit.call(this.#res, 'close'))
  }

  #hideSocket(told?: Told): void {
    this.#showSocket ??= hideSocket(this.#res, told, (cut, error) => {
      if (this.#clientLeft) this.onDestroy(error)
      // The held answer must arrive first.
      else if (this.#state === 'held') this.#res.once('finish', cut)
      else cut()
    })
  }

  /** Code that sends files watches the socket itself and stops silently when it is gone: no end would ever come. */
  #watch(begun: boolean): void {
    const seen = this.#activity
    this.#options.runtime.after(this.#options.graceMs, () => {
      if (this.#state !== 'recording') return
      const silent = seen === this.#activity
      if (silent && begun) this.#cutOff()
      else this.#watch(begun || !silent)
    })
  }

  #settle(state: 'held' | 'open', why?: Omitted): void {
    this.own = this.#recording.reply(why)
    if (state === 'open') this.#stopHiding()
    else {
      this.#state = 'held'
      this.#showHead ??= holdHead(this.#res)
      this.#hideSocket()
    }
    this.#resolve(this.own)
  }
}
