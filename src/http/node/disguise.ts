import type { IncomingMessage, ServerResponse } from 'node:http'
import { isStream } from './connection.ts'

/** Properties that are shown in place of the connection's own. */
export type Told = Readonly<Record<string, unknown>>

/** Called instead of destroying the connection; calls `cut` to destroy it. */
export type OnCut = (cut: () => void, error: Error | undefined) => void

/**
 * Hides that the connection is gone: parsers would then skip a body that can still be read, and Koa would not answer.
 * Also intercepts `destroy`, by which Express aborts an answer that it cannot take back. Returns a function that undoes
 * both.
 */
export function hideSocket(res: ServerResponse, told: Told | undefined, onCut: OnCut): () => void {
  const { req } = res
  if (isStream(res)) return told === undefined ? () => {} : disguise(req, told)
  const { socket } = req
  const destroy = (error?: Error) => {
    onCut(() => void socket.destroy(error), error)
    return socket
  }
  return disguise(req, { destroyed: false, readable: true, writable: true, ...told, destroy })
}

/**
 * Shows `told` in place of properties of the request's connection. Returns a function that restores `req.socket`; kept
 * references to the replacement show the real properties from then on.
 */
function disguise(req: IncomingMessage, told: Told): () => void {
  const { socket } = req
  let hidden = true
  const seen = new Proxy(socket, {
    get(_, name) {
      if (hidden && typeof name === 'string' && Object.hasOwn(told, name)) return told[name]
      const member: unknown = Reflect.get(socket, name, socket)
      return typeof member === 'function' ? member.bind(socket) : member
    },
    set: (_, name, value) => Reflect.set(socket, name, value, socket),
  })
  show(req, seen)
  return () => {
    hidden = false
    show(req, socket)
  }
}

function show(req: IncomingMessage, value: IncomingMessage['socket']): void {
  // With HTTP/2 it belongs to the prototype. Assigned where possible: a redefined property makes the request slow.
  if (Object.hasOwn(req, 'socket')) req.socket = value
  else Object.defineProperty(req, 'socket', { configurable: true, writable: true, enumerable: true, value })
}
