import { createHash } from 'node:crypto'
import type { PgNamedQuery } from './client.ts'

/** A statement named after its text: a connection may hold prepared statements of another version of this library. */
export interface Statement {
  readonly name: string
  readonly text: string
  /** The text in a transaction of the caller: its first row tells `home`, the database that it has reached. */
  readonly joined?: string
}

export function statement(verb: string, text: string): Statement {
  return { name: `onlyonce_${verb}_${createHash('sha256').update(text).digest('hex').slice(0, 16)}`, text }
}

export type Values = readonly (string | Uint8Array | null)[]

export function named({ name, text }: Statement, values: unknown[]): PgNamedQuery {
  return { name, text, values }
}

/** Values as `client` accepts them: libpq, used by `pg.native`, takes text only and would read bytes as UTF-8. */
export function writable(client: object, values: Values): unknown[] {
  return 'native' in client ? values.map(asText) : [...values]
}

/** Hex: no server setting changes how it is read. */
function asText(value: string | Uint8Array | null): string | null {
  if (value === null || typeof value === 'string') return value
  return `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`
}
