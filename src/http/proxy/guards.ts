import type { IncomingMessage } from 'node:http'
import { OnlyonceError } from '../../core/errors.ts'
import type { AnyOnce } from '../../core/once.ts'
import { createGuard, type HttpGuard } from '../guard.ts'
import { describePolicy, type IdempotencyPolicy } from '../policy.ts'
import type { ResolvedProxyOptions } from './options.ts'
import { proxyKinds } from './problems.ts'
import { guardOptionsOf, matcherOf, type Route } from './routes.ts'
import { principalOf, scopeHeader } from './scope.ts'

export interface RoutedGuards {
  /** `undefined`: the request passes unguarded. */
  guardFor(req: IncomingMessage, target: string): HttpGuard<IncomingMessage> | undefined
  /** The policy for requests that match no route. */
  describe(): IdempotencyPolicy
  /** Fields that must reach the upstream, in lower case. */
  readonly fields: readonly string[]
}

/**
 * Creates the guard of every route, and one for all other requests. `isLost`: whether a request was forwarded and not
 * answered in full; its operation is then abandoned, neither done nor released.
 * @throws OnlyonceError OPTION_INVALID
 */
export function createGuards(
  once: AnyOnce,
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
    return leavingLost(guard, isLost)
  }
  const rest = guardOf(undefined)
  const table = routes.map((route) => ({
    matches: matcherOf(route),
    guard: route.guard === false ? undefined : guardOf(route),
  }))
  const guards = [rest, ...table.flatMap(({ guard }) => guard ?? [])]
  // The `outcome` set above only detects lost requests; it is not described as a custom one.
  const { outcome: _, ...byDefault } = rest.rules
  const told = choices.outcome === undefined ? byDefault : rest.rules
  const own = proxyKinds(scopeHeader(scope) !== undefined)
  const headers = guards.map(({ rules }) => rules.keyField)
  return {
    guardFor(req, target) {
      const route = table.find(({ matches }) => matches(req, target))
      const guard = route === undefined ? rest : route.guard
      return guard?.concerns(req.method ?? '') ? guard : undefined
    },
    describe: () => describePolicy(told, once.options, own),
    fields: [...headers, scopeHeader(scope) ?? []].flat(),
  }
}

/** Treats an answer that the upstream aborted like a missing one: its outcome is unknown. */
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
