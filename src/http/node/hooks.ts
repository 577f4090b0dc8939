import type { ServerResponse } from 'node:http'
import type { Runtime } from '../../core/runtime.ts'

export type Words = readonly unknown[]
export type Callback = (error?: Error | null) => void

export function isCallback(word: unknown): word is Callback {
  return typeof word === 'function'
}

/** Receives what a handler does to a response, in place of the response. */
export interface Listener {
  onWriteHead(words: Words): ServerResponse
  onFlushHeaders(): void
  onWrite(words: Words): boolean
  onEnd(words: Words): ServerResponse
  onEmit(event: string | symbol, words: Words): boolean
  onDestroy(error: Error | undefined): ServerResponse
  /** The answer has ended, and its end is held. */
  readonly holding: boolean
}

/** The response's original methods. */
export type Native = Pick<ServerResponse, 'writeHead' | 'flushHeaders' | 'write' | 'end' | 'emit' | 'destroy'>

/** Alias of `writeHead`. A response of HTTP/2 does not have it. */
const OLD_NAME = 'writeHeader'

export interface Layer {
  /** The listener of this layer on a response, if any. */
  listenerOn(res: ServerResponse): Listener | undefined
  hear(res: ServerResponse, who: Listener): Native
}

/**
 * One set of functions for all responses. With functions of its own, each response would get its own hidden class,
 * which V8 keeps, with everything that they refer to, until a full garbage collection.
 */
function createLayer(): Layer {
  const listener: unique symbol = Symbol('onlyonce.listener')
  type Heard = { [listener]: Listener }

  function writeHead(this: Heard, ...words: unknown[]): ServerResponse {
    return this[listener].onWriteHead(words)
  }
  function flushHeaders(this: Heard): void {
    this[listener].onFlushHeaders()
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

  return {
    listenerOn: (res) => (res as Partial<Heard>)[listener],
    hear(res, who) {
      const native = {
        writeHead: res.writeHead,
        flushHeaders: res.flushHeaders,
        write: res.write,
        end: res.end,
        emit: res.emit,
        destroy: res.destroy,
      }
      const heard = res as unknown as Heard & Record<keyof Native | typeof OLD_NAME, unknown>
      heard[listener] = who
      heard.writeHead = writeHead
      if (OLD_NAME in res) heard[OLD_NAME] = writeHead
      heard.flushHeaders = flushHeaders
      heard.write = write
      heard.end = end
      heard.emit = emit
      // A response of HTTP/2 has no such method: its stream is destroyed.
      if (typeof native.destroy === 'function') heard.destroy = destroy
      return native
    },
  }
}

/** The second and later are for responses that more than one guard listens to, each with its own operation. */
const layers: Layer[] = [createLayer()]

/** Returns the first layer that has no listener on this response. */
export function freeLayer(res: ServerResponse): Layer {
  let at = 0
  while (layers[at]?.listenerOn(res) !== undefined) at++
  const layer = layers[at] ?? createLayer()
  layers[at] = layer
  return layer
}

/**
 * Not by `writableEnded`, which an adapter may override to keep its framework from answering. `finished` stays false
 * while the end is held: a closing server destroys the connections of finished responses.
 */
export function hasEnded(res: ServerResponse): boolean {
  return res.finished || layers.some((layer) => layer.listenerOn(res)?.holding)
}

/** Frameworks check this to see whether a response was answered. Without a guard, `end` sets it at once. */
export function showEnded(res: ServerResponse): void {
  Object.defineProperty(res, 'writableEnded', writableEnded)
}

const writableEnded: PropertyDescriptor & ThisType<ServerResponse> = {
  configurable: true,
  get() {
    return hasEnded(this) || Reflect.get(Object.getPrototypeOf(this), 'writableEnded', this)
  },
}

type Call = (...words: unknown[]) => unknown

/**
 * Makes further calls on a response that was answered without the handler have no effect; Node would throw. Callbacks
 * of `unsent` and of later writes are still called, so that the handler can go on.
 */
export function silence(res: ServerResponse, unsent: readonly Words[], runtime: Runtime): void {
  const says = res as unknown as Record<string, Call | undefined>
  for (const name of ['setHeader', 'setHeaders', 'appendHeader', 'removeHeader', 'writeHead', OLD_NAME]) {
    const native = says[name]
    // Outer middleware may delay the end, and writes the head only then.
    const call: Call = (...words) => (res.headersSent ? res : native?.apply(res, words))
    if (native !== undefined) says[name] = call
  }
  // Each in a turn of its own: a handler that never stops writing would otherwise block the process.
  const goOn = (words: Words) =>
    runtime.after(0, () => {
      words.find(isCallback)?.()
      res.emit('drain')
    })
  says.write = (...words) => {
    goOn(words)
    return false
  }
  says.end = (...words) => {
    goOn(words)
    return res
  }
  for (const words of unsent) goOn(words)
}
