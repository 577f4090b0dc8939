import type { StoredResult } from '../../core/record.ts'

/** What the judge knows of one operation, put together from nothing but the calls and answers it saw. */
export interface Known {
  state: 'idle' | 'running' | 'done' | 'gone'
  fingerprint: string
  owner: string
  fence: number
  /** Owners that disappeared without a word, since the record was made. */
  abandoned: number
  leaseUntil: number
  retainUntil: number
  stepsSaved: number
  result: StoredResult | undefined
  /** Grows when the record was removed or ran out, so that the key was new again. */
  generation: number
  /** The generation that each fence belongs to. Also says which fences were ever handed out. */
  readonly fences: Map<number, number>
  /** Every result that was accepted, with the payload it answers. */
  readonly results: { readonly fingerprint: string; readonly result: StoredResult }[]
  /** The fences that were given back. */
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
