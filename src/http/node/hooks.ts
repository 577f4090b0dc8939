import type { ServerResponse } from 'node:http'
import { finishedIsPlain, setFinished } from './connection.ts'

export type Words = readonly unknown[]

/** Who is told what a handler does to a response, in place of the response. */
export interface Listener {
  onWriteHead(words: Words): ServerResponse
  onWrite(words: Words): boolean
  onEnd(words: Words): ServerResponse
  onEmit(event: string | symbol, words: Words): boolean
  onDestroy(error: Error | undefined): ServerResponse
  /** The answer has ended, and its end waits to be let go. */
  readonly holding: boolean
}

/** What the response would have done. */
export type Native = Pick<ServerResponse, 'writeHead' | 'write' | 'end' | 'emit' | 'destroy'>

export interface Layer {
  /** Whether somebody listens on it already. */
  isOn(res: ServerResponse): boolean
  hear(res: ServerResponse, who: Listener): Native
  /** Frameworks look at these to see whether somebody has answered; natively they would know when the end is on its way. */
  showHeld(res: ServerResponse): void
}

/**
 * One set of functions for all responses. With functions of its own each response would have a shape of its own, which V8
 * keeps, with everything that they refer to, until it collects all of the memory.
 */
function createLayer(): Layer {
  const listener: unique symbol = Symbol('onlyonce.listener')
  type Heard = { [listener]: Listener }

  function writeHead(this: Heard, ...words: unknown[]): ServerResponse {
    return this[listener].onWriteHead(words)
  }
  function write(this: Heard, ...words: unknown[]): boolean {
    return this[listener].onWrite(words)
  }
  function end(this: Heard, ...words: unknown[]): ServerResponse {
    return this[listener].onEnd(words)
  }
  function emit(this: Heard, event: string | symbol, ...words: unknown[]): boolean {
    return this[listener].onEmit(event, words)
  }
  function destroy(this: Heard, error?: Error): ServerResponse {
    return this[listener].onDestroy(error)
  }

  const shown = (name: string): PropertyDescriptor => ({
    configurable: true,
    get(this: Heard) {
      return this[listener].holding || Reflect.get(Object.getPrototypeOf(this), name, this)
    },
  })
  const headersSent = shown('headersSent')
  const finished = shown('finished')
  const writableEnded = shown('writableEnded')

  return {
    isOn: (res) => listener in res,
    hear(res, who) {
      const native = { writeHead: res.writeHead, write: res.write, end: res.end, emit: res.emit, destroy: res.destroy }
      const heard = res as unknown as Heard & Record<keyof Native, unknown>
      heard[listener] = who
      heard.writeHead = writeHead
      heard.write = write
      heard.end = end
      heard.emit = emit
      // Of a response of HTTP/2 there is no such thing: its stream is destroyed.
      if (typeof native.destroy === 'function') heard.destroy = destroy
      return native
    },
    showHeld(res) {
      if (!res.headersSent) Object.defineProperty(res, 'headersSent', headersSent)
      if (finishedIsPlain(res)) return setFinished(res, true)
      Object.defineProperty(res, 'finished', finished)
      Object.defineProperty(res, 'writableEnded', writableEnded)
    },
  }
}

/** The second and later are for responses that more than one guard listens to, each with its own operation. */
const layers: Layer[] = [createLayer()]

/** The outermost layer that nobody listens on. */
export function freeLayer(res: ServerResponse): Layer {
  let at = 0
  while (layers[at]?.isOn(res)) at++
  const layer = layers[at] ?? createLayer()
  layers[at] = layer
  return layer
}
