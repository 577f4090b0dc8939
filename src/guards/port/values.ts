import { types } from 'node:util'
import { OnlyonceError } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import { isPlainObject } from '../../core/value-path.ts'
import type { Dialect } from './tx.ts'

/** A value for a column. Lists and plain objects are written as JSON text. */
export type SqlValue = string | number | bigint | boolean | null | Date | Uint8Array | JsonList | JsonObject
/** A list in a column; written as JSON text. */
export type JsonList = readonly JsonValue[]
/** A plain object in a column; written as JSON text, without the members that are `undefined`. */
export type JsonObject = { readonly [name: string]: JsonValue | undefined }
/** What JSON can say. NaN and infinities, which it would make null, are refused. */
export type JsonValue = string | number | boolean | null | JsonList | JsonObject

/** A value as it is bound to a statement. */
export type SqlInput = string | number | bigint | boolean | null | Date | Uint8Array

/** Columns by name. */
export type SqlRow = { readonly [column: string]: SqlValue }

/** `SqlRow` as a constraint, which also accepts interfaces: they have no index signature. */
export type RowOf<Row> = object & { readonly [Column in keyof Row]: SqlValue }

export function isJson(value: unknown): value is JsonList | JsonObject {
  return typeof value === 'object' && value !== null && !types.isDate(value) && !(value instanceof Uint8Array)
}

/**
 * Converts a value to be written to, or compared with, a column. SQLite's drivers bind a number as REAL, '1100.0' in a
 * text column, so integers are bound as such; but not in the caller's expressions, where that would change division.
 * @throws OnlyonceError as `inputOf`
 */
export function columnInputOf(dialect: Dialect, column: string, value: unknown): SqlInput {
  const input = inputOf(column, value)
  return dialect === 'sqlite' && typeof input === 'number' && Number.isSafeInteger(input) ? BigInt(input) : input
}

/**
 * Converts a value to be bound.
 * @throws OnlyonceError OPTION_INVALID for `undefined`, NaN, an infinity, an invalid date, and whatever no column can hold
 */
export function inputOf(column: string, value: unknown): SqlInput {
  const wrong = (rule: string) => refuseValue(`column \`${column}\` ${rule}`, value)
  switch (typeof value) {
    case 'string':
      if (!value.isWellFormed()) throw wrong('must be well-formed Unicode')
      return value
    case 'number':
      // SQLite would store NULL for NaN.
      if (!Number.isFinite(value)) throw wrong('must be a finite number')
      return value
    case 'bigint':
    case 'boolean':
      return value
    case 'undefined':
      throw wrong('has no value: leave it out, or give null')
    case 'object':
      if (value === null || value instanceof Uint8Array) return value
      if (types.isDate(value)) {
        if (Number.isNaN(value.getTime())) throw wrong('must be a valid date')
        return value
      }
      if (Array.isArray(value) || isPlainObject(value)) return jsonOf(value, wrong)
  }
  throw wrong('must be text, a number, a boolean, a Date, bytes, null, or plain data to store as JSON')
}

/** Encodes as JSON. Refuses NaN and infinities, which JSON would silently write as null. */
function jsonOf(value: object, wrong: (rule: string) => OnlyonceError): string {
  try {
    return JSON.stringify(value, (name, inner: unknown) => {
      if (typeof inner !== 'number' || Number.isFinite(inner)) return inner
      throw wrong(`must be plain data to store as JSON, and \`${name}\` in it is ${inner}`)
    })
  } catch (error) {
    throw OnlyonceError.is(error) ? error : wrong(`must be plain data to store as JSON (${quote(error)})`)
  }
}

export function refuseValue(rule: string, value: unknown): OnlyonceError {
  return new OnlyonceError('OPTION_INVALID', `${rule}; got ${quote(value)}`)
}
