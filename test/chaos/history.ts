import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'

/** What an effect answers with: it names the one run that made it. */
export interface EffectValue {
  readonly owner: string
  readonly fence: number
  readonly attempt: number
}

/** How an effect is tied to its record; the first part of every key. */
export type Mode = 'atomic' | 'leased'

export type Fact =
  /** A caller asks. From here on the key has to end. */
  | { readonly kind: 'ask'; readonly key: string }
  /** A leased effect did its work. */
  | ({ readonly kind: 'effect'; readonly key: string } & EffectValue)
  | {
      readonly kind: 'answer'
      readonly key: string
      readonly how: 'executed' | 'replayed'
      readonly value: EffectValue
    }
  /** No answer this time; `why` is an outcome, an error code, or whatever else was thrown. */
  | { readonly kind: 'refused'; readonly key: string; readonly why: string; readonly message: string }
  | { readonly kind: 'event'; readonly key: string; readonly type: string }
  /** The record as it is when everything is over. */
  | { readonly kind: 'record'; readonly key: string; readonly state: string; readonly value: EffectValue | undefined }
  /** A worker ended by itself, which none may. */
  | { readonly kind: 'crash'; readonly key: ''; readonly message: string }

export type Line = Fact & { readonly t: number; readonly who: string }

/** One file for all processes: a line is one append, which a killed writer leaves whole or not at all. */
export function createHistory(file: string, who: string, startedAt: number) {
  return (fact: Fact): void => appendFileSync(file, `${JSON.stringify({ t: Date.now() - startedAt, who, ...fact })}\n`)
}

export type Write = ReturnType<typeof createHistory>

export const beginHistory = (file: string): void => writeFileSync(file, '')

/** @throws SyntaxError on half a line: then nothing in it can be trusted */
export function readHistory(file: string): Line[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
}
