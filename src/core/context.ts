import type { Events, OnceEvent } from './events.ts'
import type { OperationKey } from './key.ts'
import type { CallOptions, ResolvedCallOptions, ResolvedOptions } from './options.ts'
import type { Runtime } from './runtime.ts'
import type { ClaimRequest, Store } from './store.ts'
import type { StoreCalls } from './store-calls.ts'

/** What an engine hands to every way of running an operation. */
export interface EngineContext {
  readonly store: Store
  readonly calls: StoreCalls
  readonly options: ResolvedOptions
  readonly runtime: Runtime
  readonly events: Events
}

/** One call: the operation and the resolved options. */
export interface Call {
  readonly named: OperationKey
  readonly options: ResolvedCallOptions
  /** The caller does not use the value of an executed effect: see `VALUE_UNREAD`. */
  readonly unread?: boolean
}

/**
 * Internal call option for our own edges, which answer the first caller with the handler's own reply: `executed` may
 * come without its value, so the stored result need not be decoded.
 */
export const VALUE_UNREAD: unique symbol = Symbol('onlyonce.valueUnread')

export function isUnread(given: CallOptions | undefined): boolean {
  return (given as { readonly [VALUE_UNREAD]?: boolean } | undefined)?.[VALUE_UNREAD] === true
}

export function claimRequest({ options }: EngineContext, call: Call, owner: string): ClaimRequest {
  const { id, scope, key, fingerprint } = call.named
  const { leaseMs, retentionMs } = call.options
  return options.keys === 'hashed'
    ? { id, fingerprint, owner, leaseMs, retentionMs }
    : { id, scope, key, fingerprint, owner, leaseMs, retentionMs }
}

type WithoutName<E> = E extends unknown ? Omit<E, 'scope' | 'key'> : never

export function tell({ events }: EngineContext, { named }: Call, event: WithoutName<OnceEvent>): void {
  if (events.heard) events.emit({ scope: named.scope, key: named.key, ...event } as OnceEvent)
}
