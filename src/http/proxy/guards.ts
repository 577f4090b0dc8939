import type { IncomingMessage } from 'node:http'
import { OnlyonceError } from '../../core/errors.ts'
import type { Once } from '../../core/once.ts'
import { resolveCallOptions } from '../../core/options.ts'
import { createGuard, type HttpGuard } from '../guard.ts'
import type { IdempotencyPolicy } from '../policy.ts'
import type { ResolvedProxyOptions } from './options.ts'
import { guardOptionsOf, matcherOf, type Route } from './routes.ts'
import { principalOf, scopeHeader } from './scope.ts'

export interface RoutedGuards {
  /** `undefined`: the request passes. */
  guardFor(req: IncomingMessage, target: string): HttpGuard<IncomingMessage> | undefined
  /** Of the guard that no route says otherwise of. */
  describe(): IdempotencyPolicy
  /** Fields that must reach the upstream, in lower case. */
  readonly fields: readonly string[]
}

/**
 * The guard of every route, and of all others. `isLost` tells of requests that were sent on without a full answer: their
 * operations are abandoned, neither done nor given back.
 * @throws OnlyonceError OPTION_INVALID
 */
export function createGuards(
  once: Once,
  { scope, guard: choices, routes }: Pick<ResolvedProxyOptions, 'scope' | 'guard' | 'routes'>,
  isLost: (req: IncomingMessage) => boolean,
): RoutedGuards {
  const principal = principalOf(scope)
  const guardOf = (route: Route | undefined) => {
    const guard = createGuard<IncomingMessage>(once, {
      ...guardOptionsOf(choices, route),
      scope: principal,
      outcome: (reply, call) => (isLost(call.request) ? 'abandon' : choices.outcome?.(reply, call)),
    })
    // The engine looks at these with the first request; who starts a proxy wants to know before.
    resolveCallOptions(once.options, guard.rules.call)
    return leavingLost(guard, isLost)
  }
  const rest = guardOf(undefined)
  const table = routes.map((route) => ({
    matches: matcherOf(route),
    guard: route.guard === false ? undefined : guardOf(route),
  }))
  const guards = [rest, ...table.flatMap(({ guard }) => guard ?? [])]
  const headers = guards.map(({ rules }) => rules.header.toLowerCase())
  return {
    guardFor(req, target) {
      const route = table.find(({ matches }) => matches(req, target))
      const guard = route === undefined ? rest : route.guard
      return guard?.concerns(req.method ?? '') ? guard : undefined
    },
    describe: rest.describe,
    fields: [...headers, scopeHeader(scope) ?? []].flat(),
  }
}

/** An answer that broke off in the middle is as good as none. */
function leavingLost<R>(guard: HttpGuard<R>, isLost: (request: R) => boolean): HttpGuard<R> {
  const watched: typeof guard = Object.assign(
    ((call, next) =>
      guard(call, (carrying) =>
        next(carrying).catch((error) => {
          if (!isLost(call.request)) throw error
          throw new OnlyonceError('OUTCOME_UNKNOWN', 'the upstream broke its answer off', { cause: error })
        }),
      )) as typeof guard,
    { concerns: guard.concerns, describe: guard.describe, rules: guard.rules },
  )
  return watched
}
