export { onlyonce } from './core/engine.ts'
export { ERROR_CODES, type ErrorCode, OnlyonceError, type OnlyonceErrorOptions } from './core/errors.ts'
export type { OnceEvent, OnceListener } from './core/events.ts'
export { fingerprintOf } from './core/fingerprint.ts'
export type { KeyInput } from './core/key.ts'
export { operationId } from './core/key.ts'
export {
  type Decision,
  decideClaim,
  decideComplete,
  decideRelease,
  decideRenew,
  isAbandoned,
  isSweepable,
  retained,
} from './core/lifecycle.ts'
export type {
  AnyOnce,
  AtomicCall,
  AtomicEffect,
  AtomicOptions,
  BatchEffect,
  BatchOptions,
  BatchOutcome,
  Effect,
  Once,
  Operation,
  OperationView,
  Outcome,
} from './core/once.ts'
export type {
  AbandonedOperation,
  AbandonedPolicy,
  CacheOptions,
  CallOptions,
  EngineOptions,
  Reconciled,
  ResolvedOptions,
  ThrowPolicy,
  ThrowVerdict,
} from './core/options.ts'
export type {
  Lease,
  ObservedRecord,
  OperationId,
  OperationRecord,
  OperationState,
  Step,
  Steps,
  StoredResult,
} from './core/record.ts'
export { type Cancel, type Runtime, systemRuntime } from './core/runtime.ts'
export type {
  AtomicClaims,
  ClaimOutcome,
  ClaimRequest,
  Completion,
  EffectBesideClaim,
  ListQuery,
  OutboxEntry,
  OutboxMessage,
  OutboxSettlement,
  OutboxStats,
  OutboxTable,
  Page,
  ParkedEntry,
  Renewal,
  Store,
  StoreConcurrency,
  StoreTraits,
  TransactionalStore,
  WriteOutcome,
} from './core/store.ts'
export { isTransactional } from './core/store.ts'
export type { RunningSweeper } from './core/sweeper.ts'
