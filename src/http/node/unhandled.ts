import type { IncomingMessage, ServerResponse } from 'node:http'
import { emitWarning } from 'node:process'
import { reasonOf } from '../../core/errors.ts'
import { problemOf } from '../problem.ts'
import { sendReply } from './send.ts'

const FAILED = {
  status: 500,
  code: 'failed',
  title: 'The server failed',
  detail: 'The request was not carried out to its end. The server has told its operator why.',
} as const

export const failedReply = () => problemOf(FAILED, {})

type Asked = Pick<IncomingMessage, 'method' | 'url'>

/** Warns the operator of an error that is reported nowhere else. */
export function warnUnhandled({ method, url = '' }: Asked, error: unknown): void {
  const what = `${method} ${JSON.stringify(url.slice(0, 80))}`
  emitWarning(
    `${what} failed: ${reasonOf(error)}; catch it in the handler, or give the guard a callback (error) => …`,
    {
      type: 'OnlyonceWarning',
      code: 'ONLYONCE_UNHANDLED',
      detail: error instanceof Error ? (error.stack ?? '') : '',
    },
  )
}

/**
 * Returns the error handler: `next`, if it is a framework's, or has a parameter for an error and can still answer. A
 * handler without that parameter is not called: it would run the request unguarded.
 */
export function errorsOf(req: IncomingMessage, res: ServerResponse, next: (error: unknown) => void) {
  // Wrappers of Express's `next`, as telemetry makes them, often have no parameters either.
  const { app } = req as { readonly app?: unknown }
  if (typeof app === 'function') return next
  return (error: unknown) => {
    if (next.length > 0 && !res.headersSent) return next(error)
    // The client left while it sent the request, so there is nobody to answer.
    const cutShort = req.destroyed && !req.complete
    if (!cutShort) warnUnhandled(req, error)
    if (res.writableEnded) return
    if (cutShort || res.headersSent) res.destroy()
    else sendReply(res, failedReply())
  }
}
