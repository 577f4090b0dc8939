import type { IncomingMessage } from 'node:http'

/** The original `destroy`. */
const DESTROY: unique symbol = Symbol('onlyonce.destroy')
/** The error that it was called with when the client left. */
const LEFT: unique symbol = Symbol('onlyonce.left')

type Kept = IncomingMessage & { [DESTROY]?: IncomingMessage['destroy'] | undefined; [LEFT]?: Error }

/**
 * Keeps a request that has arrived in full readable when its client leaves. Node would discard what is still unread,
 * and the next reader, such as a body parser in front of the handler, would wait forever while the claim is held.
 * Returns a function that restores `destroy`, and calls it if the client has left meanwhile.
 */
export function keepReadable(req: IncomingMessage): () => void {
  const kept: Kept = req
  // An outer guard has done this already.
  if (kept[DESTROY] !== undefined) return () => {}
  const { destroy } = req
  kept[DESTROY] = destroy
  req.destroy = destroyUnlessWhole
  return () => {
    kept[DESTROY] = undefined
    req.destroy = destroy
    if (kept[LEFT] !== undefined) req.destroy(kept[LEFT])
  }
}

function destroyUnlessWhole(this: Kept, error?: NodeJS.ErrnoException): typeof this {
  const unread = error?.code === 'ECONNRESET' && this.complete && !this.readableEnded
  if (unread) this[LEFT] = error
  else this[DESTROY]?.(error)
  return this
}
