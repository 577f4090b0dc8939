import type { Events, OnceEvent } from './events.ts'
import type { OperationKey } from './key.ts'
import type { ResolvedCallOptions, ResolvedOptions } from './options.ts'
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
