import { placeholdersOf } from '../core/placeholders.ts'

/** A statement cut at its values: `parts` has one more element than `values`. */
export interface CutStatement {
  readonly parts: readonly string[]
  readonly values: readonly unknown[]
}

/** Cuts at `$1`, `$2`, …, for libraries that number values themselves: a value used twice is passed twice. */
export function cutAtPlaceholders(text: string, values: readonly unknown[]): CutStatement {
  const parts: string[] = []
  const used: unknown[] = []
  let from = 0
  for (const { number, from: at, to } of placeholdersOf(text)) {
    parts.push(text.slice(from, at))
    used.push(values[number - 1])
    from = to
  }
  return { parts: [...parts, text.slice(from)], values: used }
}

/** Cuts at as many `?` as there are values. Like mysql2, it does not check whether one is inside a string. */
export function cutAtQuestionMarks(text: string, values: readonly unknown[]): CutStatement {
  const pieces = text.split('?')
  return { parts: [...pieces.slice(0, values.length), pieces.slice(values.length).join('?')], values }
}
