export const STORES = ['sqlite', 'redis', 'redis-cluster', 'postgres', 'mysql'] as const
export type StoreName = (typeof STORES)[number]

/** Bugs to plant in the workers, for the audit to find. */
export const SABOTAGES = ['deaf', 'split'] as const
/** `deaf`: the store says `ok` where it should say `lost`. `split`: atomic effects commit without their record. */
export type Sabotage = (typeof SABOTAGES)[number]

export const WORKERS = 4
/** Short, so that a pause is longer within a minute's run many times over. */
export const LEASE_MS = 1_000
export const STORE_TIMEOUT_MS = 2_000
/** Every so often a new key comes into the window, in each mode, and the oldest leaves it. */
export const KEY_EVERY_MS = 60
/** Longer than a lease and a pause, so that what was abandoned is asked for again. */
export const WINDOW = 60

export const FAULTS = ['kill', 'pause', 'reset', 'blackhole', 'lost reply', 'restart', 'file lock'] as const
export type Fault = (typeof FAULTS)[number]

export type Span = readonly [usual: number, rare: number]
/** How long a leased effect takes at most, mostly and now and then. */
export const LEASED_MS: Span = [120, 600]

/** What a worker is told, as JSON in its environment. */
export interface Job {
  readonly task: 'ask' | 'settle'
  readonly who: string
  readonly url: string
  /** For a cluster: where each node is reached from here. */
  readonly nat: Readonly<Record<string, { readonly host: string; readonly port: number }>> | undefined
  readonly modes: readonly ('atomic' | 'leased')[]
  /** How long a transaction with an effect in it takes at most, mostly and now and then. */
  readonly transactionMs: Span
  readonly history: string
  readonly startedAt: number
  readonly sabotage: Sabotage | undefined
  /** Of `settle`: until when it tries. */
  readonly deadline: number
}

export const JOB_VARIABLE = 'ONLYONCE_CHAOS_JOB'
