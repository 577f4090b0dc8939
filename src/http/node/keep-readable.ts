import type { IncomingMessage } from 'node:http'

/**
 * A request that has arrived whole stays readable when its client leaves. Node would throw away what nobody has read yet,
 * and whoever reads it next, a body parser in front of the handler, would wait for ever while the operation is held.
 */
export function keepReadable(req: IncomingMessage): void {
  const { destroy } = req
  req.destroy = (error?: Error) => {
    const left = (error as NodeJS.ErrnoException | undefined)?.code === 'ECONNRESET'
    return left && req.complete && !req.readableEnded ? req : destroy.call(req, error)
  }
}
