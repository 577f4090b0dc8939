import type { StoredResult } from '../../core/record.ts'

/** What the judge knows of one operation, derived only from the calls and answers it saw. */
export interface Known {
  state: 'idle' | 'running' | 'done' | 'gone'
  fingerprint: string
  owner: string
  fence: number
  /** Number of owners that were taken over without having settled, since the record was made. */
  abandoned: number
  leaseUntil: number
  retainUntil: number
  stepsSaved: number
  result: StoredResult | undefined
  /** Grows whenever the record was removed or expired, so that the key was new again. */
  generation: number
  /** The generation of each fence; also all fences ever granted. */
  readonly fences: Map<number, number>
  /** Every accepted result, with the payload it belongs to. */
  readonly results: { readonly fingerprint: string; readonly result: StoredResult }[]
  /** The fences that were released. */
  readonly released: Set<number>
}

export function unseen(): Known {
  return {
    state: 'gone',
    fingerprint: '',
    owner: '',
    fence: 0,
    abandoned: 0,
    leaseUntil: 0,
    retainUntil: 0,
    stepsSaved: 0,
    result: undefined,
    generation: 0,
    fences: new Map(),
    results: [],
    released: new Set(),
  }
}

export function sameResult(a: StoredResult, b: StoredResult | undefined): boolean {
  return a.kind === b?.kind && Buffer.compare(a.body, b.body) === 0
}
