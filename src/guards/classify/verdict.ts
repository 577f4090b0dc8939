/**
 * Whether running SQL twice leaves what running it once does. `depends`: on data or code that is not in the text.
 * `unknown`: the parser cannot read it, or no rule covers it.
 */
export type Verdict = 'idempotent' | 'not-idempotent' | 'depends' | 'unknown'

/** What `classify` found. `guard` is absent where nothing is needed, or nothing is known. */
export interface Classification {
  readonly verdict: Verdict
  /** Sentences for people, the weightiest first. */
  readonly reasons: readonly string[]
  /** What makes it safe to repeat, where something is needed. */
  readonly guard?: string
}

/** No rule covers this, so the verdict is `unknown`: nothing is guessed. */
export class NotCovered extends Error {}

const WEIGHT: Readonly<Record<Verdict, number>> = { idempotent: 0, depends: 1, unknown: 2, 'not-idempotent': 3 }

/** Combines classifications: the weightiest verdict, with its reasons and its guard. */
export function weightiest(all: readonly Classification[]): Classification {
  const verdict = all.map((one) => one.verdict).reduce((a, b) => (WEIGHT[b] > WEIGHT[a] ? b : a), 'idempotent')
  const decisive = all.filter((one) => one.verdict === verdict)
  const guard = decisive.find((one) => one.guard !== undefined)?.guard
  const reasons = [...new Set(decisive.flatMap((one) => one.reasons))]
  return { verdict, reasons, ...(guard === undefined ? {} : { guard }) }
}

export const idempotent = (...reasons: string[]): Classification => ({ verdict: 'idempotent', reasons })
export const unknown = (...reasons: string[]): Classification => ({ verdict: 'unknown', reasons })
export const depends = (reason: string, guard?: string): Classification => ({
  verdict: 'depends',
  reasons: [reason],
  ...(guard === undefined ? {} : { guard }),
})
export const notIdempotent = (reason: string, guard: string): Classification => ({
  verdict: 'not-idempotent',
  reasons: [reason],
  guard,
})

/** What to do about each kind of problem. */
export const GUARDS = Object.freeze({
  relative:
    'add a condition that the write ends, such as `AND version = 7` with `version = 8` (onlyIf), or run it inside once.atomic',
  changing: 'make the value once, outside, and give it as a parameter; or run it inside once.atomic',
  insert: 'insertOnce with a unique index over the business key',
  run: 'run it inside once.atomic',
})
