import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

const LISTENS: ReadonlySet<unknown> = new Set(['on', 'once', 'addListener', 'prependListener', 'prependOnceListener'])

/**
 * Makes a request whose client leaves look like one whose client stays. Nest watches the connection itself, and would
 * stop a stream or an Observable half-way, so that the answer of what has happened is lost.
 */
export function hideLeaving(req: IncomingMessage): void {
  const seen = new Proxy(req.socket, {
    get(socket, name) {
      if (name === 'destroyed') return false
      const member: unknown = Reflect.get(socket, name, socket)
      if (typeof member !== 'function') return member
      const call = member.bind(socket) as (...words: unknown[]) => unknown
      if (!LISTENS.has(name)) return call
      return (event: unknown, ...words: unknown[]): Socket => {
        if (event !== 'close') call(event, ...words)
        return seen
      }
    },
    set: (socket, name, value) => Reflect.set(socket, name, value, socket),
  })
  Object.defineProperty(req, 'socket', { configurable: true, writable: true, enumerable: true, value: seen })
}
