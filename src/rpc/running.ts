import { tried } from '../core/events.ts'
import type { Operation } from '../core/once.ts'
import { isFinal } from './codes.ts'
import type { RpcLibrary } from './library.ts'
import type { RpcRules } from './options.ts'
import type { RpcCall, RpcRequest, RpcResponse } from './shapes.ts'
import { NOT_KEPT, type StoredEnd, storedAnswer, storedError } from './stored.ts'

/** For `context.values.get(operationKey)` in a handler: the operation it carries out, when the call is guarded. */
export const operationKey: { readonly id: symbol; readonly defaultValue: Operation | undefined } = Object.freeze({
  id: Symbol('onlyonce.operation'),
  defaultValue: undefined,
})

export interface Run<Response> {
  /** Runs the handler. Throws what it threw, unless that is final: then it is the end of the call. */
  effect(op: Operation): Promise<StoredEnd>
  /** What the handler came to, if it ran here. */
  readonly ended: { readonly response: Response } | { readonly thrown: unknown } | undefined
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

  /** The handler has run: what goes wrong with its answer must not make it run again. */
  const safely = <T>(ask: () => T) => tried(onListenerError, ask)

  return {
    async effect(op) {
      request.contextValues.set(operationKey, op)
      let response: Response
      try {
        response = await next(request)
      } catch (thrown) {
        ended = { thrown }
        // Anything else is INTERNAL to the client, and says nothing about the request.
        if (!library.isError(thrown)) throw thrown
        const decided = safely(() => rules.outcome?.(thrown, call)) ?? (isFinal(thrown.code) ? 'final' : 'release')
        if (decided === 'release') throw thrown
        return safely(() => storedError(library, thrown, rules)) ?? NOT_KEPT
      }
      ended = { response }
      const { output } = request.method
      return safely(() => storedAnswer(library.toBinary(output, response.message), response, rules)) ?? NOT_KEPT
    },
    get ended() {
      return ended
    },
  }
}
