import type { IncomingMessage } from 'node:http'

/** What `destroy` was before. */
const DESTROY: unique symbol = Symbol('onlyonce.destroy')

type Kept = IncomingMessage & { [DESTROY]?: IncomingMessage['destroy'] }

/**
 * A request that has arrived whole stays readable when its client leaves. Node would throw away what nobody has read yet,
 * and whoever reads it next, a body parser in front of the handler, would wait for ever while the operation is held.
 */
export function keepReadable(req: IncomingMessage): void {
  // A guard in front of this one has seen to it.
  if (DESTROY in req) return
  const kept: Kept = req
  kept[DESTROY] = req.destroy
  req.destroy = destroyUnlessWhole
}

function destroyUnlessWhole(this: Kept, error?: Error): typeof this {
  const left = (error as NodeJS.ErrnoException | undefined)?.code === 'ECONNRESET'
  if (!left || !this.complete || this.readableEnded) this[DESTROY]?.(error)
  else showReadable(this)
  return this
}

/** Parsers look at the connection to see whether there is anything left to read, and skip the body of one that is gone. */
function showReadable(req: IncomingMessage): void {
  const socket = Object.create(req.socket, { readable: { value: true }, destroyed: { value: false } })
  Object.defineProperty(req, 'socket', { value: socket, configurable: true, writable: true, enumerable: true })
}
