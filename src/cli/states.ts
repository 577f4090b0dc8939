import type { ListQuery } from '../core/store.ts'

/** Every state that can be asked for. */
export const STATES = [
  'idle',
  'running',
  'done',
  'abandoned',
  'unknown',
] as const satisfies readonly ListQuery['state'][]
export type ShownState = (typeof STATES)[number]
