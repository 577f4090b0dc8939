import type { ListQuery } from '../core/store.ts'

/** All states that `--state` accepts. */
export const STATES = [
  'idle',
  'running',
  'done',
  'abandoned',
  'unknown',
] as const satisfies readonly ListQuery['state'][]
export type ShownState = (typeof STATES)[number]
