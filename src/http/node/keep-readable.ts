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
  return this
}
