import type { Operation } from '../core/once.ts'
import { checkEach, oneOf } from '../core/option-rules.ts'
import { tried } from '../core/reporting.ts'
import { isFinal } from './codes.ts'
import type { RpcLibrary } from './library.ts'
import type { RpcRules } from './options.ts'
import type { RpcCall, RpcRequest, RpcResponse } from './shapes.ts'
import { NOT_KEPT, type StoredEnd, storedAnswer, storedError } from './stored.ts'

/** For `context.values.get(operationKey)` in a handler: the current operation, if the call is guarded. */
export const operationKey: { readonly id: symbol; readonly defaultValue: Operation | undefined } = Object.freeze({
  id: Symbol('onlyonce.operation'),
  defaultValue: undefined,
})

export interface Run<Response> {
  /** Runs the handler and returns what to store. Throws the handler's error, unless it is final and so stored. */
  effect(op: Operation): Promise<StoredEnd>
  /** How the handler ended, if it ran here. */
  readonly ended: { readonly response: Response } | { readonly thrown: unknown } | undefined
  /** Resolves when the handler has ended, before the store knows. */
  readonly over: Promise<void>
}

export function runOf<Request extends RpcRequest, Response extends RpcResponse>(
  next: (request: Request) => Promise<Response>,
  request: Request,
  call: RpcCall,
  rules: RpcRules,
  library: RpcLibrary,
  onListenerError: (error: unknown) => void,
): Run<Response> {
  let ended: Run<Response>['ended']
  let tellOver = () => {}
  const over = new Promise<void>((resolve) => {
    tellOver = resolve
  })
  const end = (how: NonNullable<typeof ended>) => {
    ended = how
    tellOver()
  }

  /** For steps after the handler: their errors must not make it run again. */
  const safely = <T>(ask: () => T) => tried(onListenerError, ask)

  return {
    async effect(op) {
      request.contextValues.set(operationKey, op)
      let response: Response
      try {
        response = await next(request)
      } catch (thrown) {
        end({ thrown })
        // The client gets any other error as INTERNAL, which is not about the request.
        if (!library.isError(thrown)) throw thrown
        const decided =
          safely(() => checked(rules.outcome?.(thrown, call))) ?? (isFinal(thrown.code) ? 'final' : 'release')
        if (decided === 'release') throw thrown
        return safely(() => storedError(library, thrown, rules)) ?? NOT_KEPT
      }
      end({ response })
      const { output } = request.method
      return safely(() => storedAnswer(library.toBinary(output, response.message), response, rules)) ?? NOT_KEPT
    },
    get ended() {
      return ended
    },
    over,
  }
}

/** Anything else, such as a promise, would keep an error for good that was to pass. @throws OnlyonceError OPTION_INVALID */
function checked(decided: 'final' | 'release' | undefined): typeof decided {
  checkEach(oneOf('final', 'release'), { outcome: decided })
  return decided
}
