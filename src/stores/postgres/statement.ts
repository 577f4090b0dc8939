import { createHash } from 'node:crypto'
import type { PgNamedQuery } from './client.ts'

/** A text with a name that no other text has: a connection may have prepared statements of another version of us. */
export interface Statement {
  readonly name: string
  readonly text: string
}

export function statement(verb: string, text: string): Statement {
  return { name: `onlyonce_${verb}_${createHash('sha256').update(text).digest('hex').slice(0, 16)}`, text }
}

export type Values = readonly (string | Uint8Array | null)[]

export function named({ name, text }: Statement, values: readonly unknown[]): PgNamedQuery {
  return { name, text, values: values as unknown[] }
}
