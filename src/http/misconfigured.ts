import { emitWarning } from 'node:process'
import type { OnlyonceError } from '../core/errors.ts'
import type { HttpCall } from './call.ts'

/** Warns the operator of OPTION_INVALID; the client gets only the code `misconfigured`. */
export function warnMisconfigured(
  { method, url }: Pick<HttpCall, 'method' | 'url'>,
  { message, stack = '' }: OnlyonceError,
): void {
  emitWarning(`${method} ${JSON.stringify(url.slice(0, 80))} is not set up correctly: ${message}`, {
    type: 'OnlyonceWarning',
    code: 'ONLYONCE_MISCONFIGURED',
    detail: stack,
  })
}
