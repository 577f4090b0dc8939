import type { Events, OnceEvent } from './events.ts'
import type { OperationKey } from './key.ts'
import type { CallOptions, ResolvedCallOptions, ResolvedOptions } from './options.ts'
import type { Runtime } from './runtime.ts'
import type { ClaimRequest, Store } from './store.ts'
import type { StoreCalls } from './store-calls.ts'

/** What every way of running an operation is given by its engine. */
export interface EngineContext {
  readonly store: Store
  readonly calls: StoreCalls
  readonly options: ResolvedOptions
  readonly runtime: Runtime
  readonly events: Events
}

/** One call: which operation, under which choices. */
export interface Call {
  readonly named: OperationKey
  readonly options: ResolvedCallOptions
  /** Whoever asks has no use for the value that the effect returned: see `VALUE_UNREAD`. */
  readonly unread?: boolean
}

/**
 * Among the options of a call: an outcome `executed` need not have its value, which is read back from what was stored. Of
 * our own edges only, where the answer of the one that ran the effect is another than the value.
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
